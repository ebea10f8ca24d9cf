"""Arguments that say where a model is, checked before any path is made of them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

__all__ = ["checked_revision", "checked_token", "is_folder", "leads_out", "path_inside"]


def is_folder(name: str | Path) -> bool:
    """Whether there is a folder of that name.

    Raises
    ------
    NotADirectoryError
        If there is a file of that name.
    """
    path = Path(name)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError:  # of a name that is too long for a file's, for instance
        return False
    if is_file:
        raise NotADirectoryError(
            f"{str(name)!r} is a file, but a model's folder was expected: give the "
            "folder that it is in."
        )
    return is_folder


def path_inside(subfolder: str | None) -> PurePosixPath:
    """`subfolder` as a path, whose separators may be those of any system.

    Raises
    ------
    ValueError
        If it leads out.
    """
    if leads_out(subfolder or ""):
        raise ValueError(
            f"subfolder is {subfolder!r}, but a path inside the model's folder was "
            "expected, such as 'models/small'."
        )
    return PurePosixPath(PureWindowsPath(subfolder or "").as_posix())


def checked_revision(revision: str | None) -> str | None:
    """`revision`, of which huggingface_hub makes paths in its cache.

    Raises
    ------
    ValueError
        If such a path would lead out of the cache.
    """
    if revision is not None and leads_out(revision):
        raise ValueError(
            f"revision is {revision!r}, but a branch, tag or commit of the Hub was "
            "expected, such as 'main'."
        )
    return revision


def leads_out(name: str) -> bool:
    """Whether a path of any system would lead out of the folder it is taken in."""
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts or "\0" in name


def checked_token(token: str | bool | None) -> str | bool | None:
    """`token` without blanks around it, such as the line break at a file's end.

    Raises
    ------
    ValueError
        If it cannot be sent. No error shows a token, as those of libraries would.
    """
    if not isinstance(token, str):
        return token
    token = token.strip()
    if not re.fullmatch("[!-~]+", token):
        raise ValueError(
            "token is empty, or has characters that no token of the Hub has, such as "
            "blanks inside. It is not shown here, since it is secret."
        )
    return token
