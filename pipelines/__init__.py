"""One short script a stage, and the ``kws`` command over them."""
