"""The Hugging Face Hub: model folders downloaded and uploaded.

``huggingface_hub`` is imported when one of these functions is called, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from .card import name_repository
from .files import FILES, missing_files
from .places import checked_revision, checked_token, is_folder, path_inside

__all__ = ["push_folder", "resolve_folder"]

_OFFLINE_WAYS = (
    "Without the Hub you can use the bundled model (model='default'), a model folder "
    "on disk, or a model downloaded before (local_files_only=True)."
)
_LOG_IN = "pass token=..., or log in with huggingface_hub.login()"


def resolve_folder(
    name_or_folder: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
    cache_dir: str | Path | None = None,
    subfolder: str | None = None,
) -> Path:
    """The local folder of a model: a folder as it is, a Hub id's after downloading it.

    Only the files of a model are downloaded, each of them once: what is in the cache
    is asked about, and not downloaded again while it is what the Hub has. Where the
    Hub does not answer, what is in the cache is taken.

    Parameters
    ----------
    name_or_folder : str or Path
        A folder, or an id such as ``"minishlab/potion-base-8M"``. A folder wins.
    revision : str, default=None
        Branch, tag or commit on the Hub.
    token : str or bool, default=None
        The Hub's access token; None takes the one that is logged in, if any.
    local_files_only : bool, default=False
        Whether to look into the download cache only.
    cache_dir : str or Path, default=None
        Where downloads are kept; None is ``huggingface_hub``'s own place.
    subfolder : str, default=None
        Where in the folder or repository the model is.

    Returns
    -------
    folder : Path

    Raises
    ------
    FileNotFoundError
        If there is no such folder, repository, revision or subfolder, or no model in
        it, or with `local_files_only` no such download.
    PermissionError
        If the repository is gated and the token does not open it, or if there is no
        such token.
    ConnectionError
        If the Hub cannot be reached, breaks off, or answers with an error.
    OSError
        If a download cannot be written.
    NotADirectoryError
        If `name_or_folder` or `subfolder` is a file.
    ValueError
        If `subfolder` leads out of the folder, or `revision` out of the cache, or
        `token` can be none.
    """
    inside = path_inside(subfolder)
    revision, token = checked_revision(revision), checked_token(token)
    folder = Path(name_or_folder)
    if not is_folder(folder):
        return _download(
            str(name_or_folder), revision, token, local_files_only, cache_dir, inside
        )
    if not is_folder(folder / inside):
        raise FileNotFoundError(
            f"{str(name_or_folder)!r} has no subfolder {subfolder!r}."
        )
    return folder / inside


def _download(
    repo_id: str,
    revision: str | None,
    token: str | bool | None,
    local_files_only: bool,
    cache_dir: str | Path | None,
    inside: PurePosixPath,
) -> Path:
    from huggingface_hub import snapshot_download, utils

    errors: Any = utils  # and not `.errors`, which lacks some before version 0.25
    nowhere = f"There is no folder {repo_id!r},"
    at = "" if revision is None else f" at revision {revision!r}"
    model = f"The Hub's model {repo_id!r}{at}"
    try:
        snapshot = snapshot_download(
            repo_id,
            revision=revision,
            token=token,
            local_files_only=local_files_only,
            cache_dir=cache_dir,
            allow_patterns=[escape(str(inside / name)) for name in FILES],
        )
    except errors.HFValidationError as error:
        raise FileNotFoundError(
            f"{nowhere} and it is no Hub id either. Give a model folder, a Hub id such "
            "as 'minishlab/potion-base-8M', or 'default' for the bundled model."
        ) from error
    except errors.GatedRepoError as error:
        raise PermissionError(
            f"{model} is gated: ask for access on its page, then {_LOG_IN}. "
            f"({_answer(error)[1]})"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"{nowhere} and no such model on the Hub, or it is private: then "
            f"{_LOG_IN}. ({_answer(error)[1]})"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(
            f"The Hub's model {repo_id!r} has no branch, tag or commit {revision!r}. "
            f"({_answer(error)[1]})"
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk: what comes from the network has no such number
        if local_files_only:
            raise FileNotFoundError(
                f"{nowhere} and no full download of a model of that name{at} in the "
                "cache: try local_files_only=False, a model folder, or the bundled "
                "model (model='default')."
            ) from error
        status, text = _answer(error)
        if status in (401, 403) or isinstance(error, errors.LocalTokenNotFoundError):
            raise PermissionError(
                f"{model} is not open to this token, or to none: {_LOG_IN}. ({text})"
            ) from error
        raise ConnectionError(
            f"{nowhere} and {_trouble(status)}. {_OFFLINE_WAYS} ({text})"
        ) from error
    folder = Path(snapshot) / inside
    missing = missing_files(folder)
    if missing:
        raise FileNotFoundError(
            f"{model} has no {', '.join(str(inside / name) for name in missing)}. "
            "Either that is a model in neither model2vec's format nor that of "
            "sentence-transformers for a StaticEmbedding, or its download has been "
            "broken off: then try again when the Hub can be reached."
        )
    return folder


def _answer(error: BaseException) -> tuple[int | None, str]:
    """The HTTP status behind an error, if the Hub has answered, and what it says."""
    while getattr(error, "response", None) is None and error.__cause__ is not None:
        error = error.__cause__
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status, " ".join(str(error).split()) or type(error).__name__


def _trouble(status: int | None) -> str:
    if status is None:
        return "the Hub cannot be reached, or has broken off"
    return f"the Hub answers with error {status}"


def push_folder(
    write: Callable[[Path], None],
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    token: str | bool | None = None,
) -> str:
    """Upload what `write` puts into a folder, in one commit.

    Parameters
    ----------
    write : callable
        Called with the Path of a folder to write.
    repo_id : str
        The repository, made if it is not there.
    private : bool, default=None
        Whether a repository made here is private; None is the account's default.
    revision : str, default=None
        The branch; it has to exist. None is the main branch.
    commit_message : str, default=None
        None takes ``"Upload a static model"``.
    token : str or bool, default=None
        The Hub's access token; None takes the one that is logged in, if any.

    Returns
    -------
    url : str
        The commit's.

    Raises
    ------
    ValueError
        If `repo_id` is no Hub id, or if `private` is set, but the repository is there
        and public, or if `token` can be none.
    PermissionError
        If there is no token, or one that may not write there.
    FileNotFoundError
        If there is no such branch.
    ConnectionError
        If the Hub cannot be reached, breaks off, or answers with an error.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(token=checked_token(token))
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        write(folder)
        with _explained_push(repo_id, revision):
            repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
            is_public = private and not api.model_info(repo_id).private
        if is_public:
            raise ValueError(
                f"private is {private!r}, but the Hub's repository {repo_id!r} exists "
                "and is public. Nothing was pushed: make it private on its page first, "
                "or leave private out."
            )
        card = folder / "README.md"
        card.write_text(name_repository(card.read_text("utf8"), repo_id), "utf8")
        files = [CommitOperationAdd(p.name, p) for p in sorted(folder.iterdir())]
        with _explained_push(repo_id, revision):
            commit = api.create_commit(
                repo_id,
                files,
                revision=revision,
                commit_message=commit_message or "Upload a static model",
            )
    return str(commit.commit_url)


@contextmanager
def _explained_push(repo_id: str, revision: str | None) -> Iterator[None]:
    from huggingface_hub import utils

    errors: Any = utils
    try:
        yield
    except errors.HFValidationError as error:
        raise ValueError(
            f"repo_id is {repo_id!r}, but a Hub id such as 'organization/name' was "
            "expected."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(
            f"The Hub's repository {repo_id!r} has no branch {revision!r}: make it "
            "there first, or leave revision out to push to the main branch."
        ) from error
    except Exception as error:
        status, text = _answer(error)
        if status in (401, 403) or isinstance(error, errors.LocalTokenNotFoundError):
            raise PermissionError(
                f"The Hub does not let this token, or none, push to {repo_id!r}: "
                f"{_LOG_IN}, with a token that may write there. ({text})"
            ) from error
        raise ConnectionError(
            f"The model was not pushed to {repo_id!r}, because {_trouble(status)}. "
            f"Push it again later; save_pretrained writes it to disk. ({text})"
        ) from error
