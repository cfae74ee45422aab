"""Writing files so that an interruption never leaves half of one behind."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kws_tfmot.errors import KwsError, RecipeError

PARTIAL = ".*.partial*"
"""Names of files and folders that an interruption may leave."""
_HERE, _RENAME_EXCHANGE = -100, 2  # AT_FDCWD and a flag, of Linux' fcntl.h
_MOST_OTHERS = 500  # files of a folder that is exchanged as a whole
_swept: set[tuple[int, Path]] = set()  # processes and folders, see _sweep
_SUFFIX_ROOM = 48  # bytes that a name is longer by while the file is being written


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it into place when the block ends without an error.

    The suffix is kept, since writers such as Keras choose the format by it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    temporary = _beside(target.parent, target.stem, target.suffix)
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # say what was asked for, not what it was called meanwhile
            error.filename, error.filename2 = str(target), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def staged_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` and rename it into place when the block ends without an error.

    Where another process has put one there meanwhile, that one stays.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_partial(target.parent)
    temporary = _beside(target.parent, target.name)
    try:
        temporary.mkdir()
        yield temporary
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def refusing(path: str | os.PathLike[str], doing: str = "written") -> Iterator[None]:
    """Turn what the system says against ``path`` (full disk, no permission, a name too long) into a refusal.

    Raises:
        KwsError: In place of any :class:`OSError`, and of the :class:`ValueError` of a path that no system can hold.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise KwsError(f"{str(path)!r} cannot be {doing}: {reason}.",
                       "Give another place, or free space and give write permission there.") from None  # fmt: skip


def require_place(path: str | os.PathLike[str], folder: bool) -> Path:
    """Refuse ``path`` as the place of an output before any work is done for it; nothing is left there.

    Args:
        path: Where a file, or a folder of files, is to be written, ``~`` before it being a home folder: shells leave
            it in ``--out=~/x``. Folders around it need not exist.
        folder: Whether it is a folder; one that exists will do, as will a file that is to be replaced.

    Raises:
        KwsError: It is of the other kind or a device, leads nowhere, is too long, is an address of a network, or
            cannot be written.
    """
    if address := re.match(r"[A-Za-z][\w+.-]*://", os.fspath(path)):
        raise KwsError(f"expected a path of this computer. Received: {os.fspath(path)!r}.",
                       f"Write to a path, and copy it to {address[0]} afterwards.")  # fmt: skip
    target = user_path(path)
    with refusing(target):
        if folder and target.exists() and not target.is_dir():
            raise KwsError(f"expected a folder. Received the file: {str(target)!r}.", "Give another place.")
        if not folder and target.exists() and not target.is_file():
            kind = "folder" if target.is_dir() else "device"
            raise KwsError(f"expected the name of a file. Received the {kind}: {str(target)!r}.",
                           "Give a file in it, or another place.")  # fmt: skip
        around, missing = (target.parent, [target.name]) if target.is_file() else (target, [])
        while not around.exists():
            if around.is_symlink():
                raise KwsError(f"{str(target)!r} cannot be written: the link {str(around)!r} leads nowhere.",
                               "Remove it, or give another place.")  # fmt: skip
            missing.append(around.name)
            around = around.parent
        most = os.pathconf(around, "PC_NAME_MAX") - _SUFFIX_ROOM
        if too_long := [name for name in missing if len(os.fsencode(name)) > most]:
            raise KwsError(f"a name of {len(os.fsencode(too_long[0]))} bytes is too long: {str(target)!r}.",
                           f"Give one of at most {most}.")  # fmt: skip
        with tempfile.TemporaryFile(dir=around, prefix=".kws-"):
            pass
    return target


def write_files(files: Mapping[str, bytes | str], folder: str | os.PathLike[str], stale: Iterable[str] = ()) -> None:
    """Write ``files`` (contents by name, which may begin with folders) into ``folder``: all or, where that fails, none.

    A new folder is filled beside its place and renamed. Of one that exists the other files stay, but for those named in
    ``stale``: it is exchanged at once for one that holds them too. Where the system cannot do that, or the folder is a
    large one or somebody's current directory, the files are moved into it when all are written.

    Raises:
        KwsError: The folder cannot be made or written.
    """
    target = Path(folder)
    with refusing(target):
        if target.exists() and not target.is_dir():
            raise KwsError(f"expected a folder. Received the file: {str(target)!r}.", "Give another --out.")
        remove_partial(target)
        new = not target.exists()
        whole = new or _exchangeable(target)
        place = target.resolve().parent if whole else target
        place.mkdir(parents=True, exist_ok=True)
        remove_partial(place)
        staged = _beside(place, target.resolve().name if whole else "export")
        try:
            staged.mkdir()
            for name, data in sorted(files.items()):
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
            if new:
                staged.rename(target)
            elif not (whole and _exchanged(staged, target.resolve(), {*files, *stale})):
                _move_in(staged, target, files, set(stale) - set(files))
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def _exchangeable(folder: Path) -> bool:
    """Whether ``folder`` is small, nobody works in it, and another one can be put beside it."""
    if Path.cwd().resolve().is_relative_to(folder.resolve()) or not os.access(folder.resolve().parent, os.W_OK):
        return False
    return len(list(itertools.islice(folder.rglob("*"), _MOST_OTHERS + 1))) <= _MOST_OTHERS


def _exchanged(new: Path, old: Path, without: set[str]) -> bool:
    """Link what is in ``old`` but for ``without`` into ``new`` and exchange the two at once (Linux' ``renameat2``).

    False where the system cannot: ``old`` is what it was then.
    """
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        return False
    try:
        for path in sorted(old.rglob("*")):
            place = new / path.relative_to(old)
            if path.is_dir() and not path.is_symlink():
                place.mkdir(exist_ok=True)
            elif path.relative_to(old).as_posix() not in without:
                os.link(path, place, follow_symlinks=False)
        for name in sorted(without):
            _remove_empty((new / name).parent, new)
        shutil.copymode(old, new)
    except OSError:
        return False
    return not exchange(_HERE, os.fsencode(new), _HERE, os.fsencode(old), _RENAME_EXCHANGE)


def _move_in(staged: Path, target: Path, names: Iterable[str], stale: Iterable[str]) -> None:
    for name in sorted(names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).replace(target / name)
    for name in stale:
        (target / name).unlink(missing_ok=True)
        _remove_empty((target / name).parent, target)


def _remove_empty(folder: Path, top: Path) -> None:
    """Delete ``folder`` and the folders around it below ``top`` as long as they are empty."""
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _beside(folder: Path, stem: str, suffix: str = "") -> Path:
    """What a file or a folder is called in ``folder`` while this thread writes it."""
    return folder / f".{stem}.{process_mark()}.partial{suffix}"


def process_mark() -> str:
    """What comes before ``.partial`` in a name: whose it is, for :func:`remove_partial`."""
    return f"{os.getpid()}-{threading.get_ident()}-{_this_computer()}"


@functools.cache
def _this_computer() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _sweep(folder: Path) -> None:
    """Delete what killed processes left in ``folder``, when this process first writes to it."""
    if (mark := (os.getpid(), folder.absolute())) not in _swept:
        _swept.add(mark)
        remove_partial(folder)


def remove_partial(folder: Path) -> None:
    """Delete what killed processes left half-written in ``folder``.

    What living ones are writing stays, and what those of other computers have left, which may be alive.
    """
    for left in folder.glob(PARTIAL):
        found = re.search(r"\.(\d+)-\d+-([0-9a-f]+)\.partial", left.name)
        if found and found[2] == _this_computer() and not _lives(int(found[1])):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write ``data`` to ``path`` atomically and return the path."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write ``text`` as UTF-8 to ``path`` atomically and return the path."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write ``value`` as sorted, indented JSON to ``path`` atomically and return the path."""
    return write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """``value`` as sorted, indented JSON."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of the file at ``path``."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cache_root() -> Path:
    """Where decoded audio and compiled helpers are kept.

    ``$KWS_CACHE``, else ``$XDG_CACHE_HOME/kws-tfmot``, else ``~/.cache/kws-tfmot``.
    """
    if named := os.environ.get("KWS_CACHE"):
        return user_path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or user_path("~/.cache")) / "kws-tfmot"


def user_path(text: str | os.PathLike[str]) -> Path:
    """``text`` as a path, with the home folder that ``~`` or ``~name`` before it means.

    Raises:
        RecipeError: Nobody here is called so, or there is no home folder (a container's user without one).
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise RecipeError(
            f"there is no home folder for the path {os.fspath(text)!r}.",
            "Write the path without ~; where none was given, let the environment variable HOME name a folder.",
        ) from None
