"""Keyword spotting from clips to sparse, quantised firmware: the library behind the ``kws`` command."""

__version__ = "0.1.0"
