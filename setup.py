"""The wheel also carries the recipes, which a clone has beside the packages; everything else is in setup.cfg."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Copies `recipes/` into the package, where an installed `kws` looks for it."""

    def run(self):
        """Build as usual, then add the recipes; an editable install finds those of the clone."""
        super().run()
        if not getattr(self, "editable_mode", False):
            target = Path(self.build_lib, "kws_tfmot", "recipes")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / "recipes", target)


setup(cmdclass={"build_py": BuildWithRecipes})
