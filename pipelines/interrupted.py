"""How a command ends that was interrupted before it began."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def leave() -> NoReturn:
    """Say that the command was interrupted, and end with exit code 130.

    At once, with nothing to clean up yet: Python would end by the signal itself where it came within ``exec`` (which
    dataclasses call), whoever caught it.
    """
    sys.stderr.write("interrupted\n")
    sys.stderr.flush()
    os._exit(130)
