"""The Hugging Face Hub: model folders downloaded and uploaded.

``huggingface_hub`` is imported when one of these functions is called, not before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["push_folder", "resolve_folder"]

_REPO_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILES = (
    *("model.safetensors", "tokenizer.json", "config.json"),
    *("head.safetensors", "README.md"),
)
_OFFLINE_WAYS = (
    "Without a network you can use the bundled model (model='default'), a model folder "
    "on disk, or a model downloaded before (local_files_only=True)."
)


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
        If there is no such folder, repository, revision or subfolder, or with
        `local_files_only` no such download.
    PermissionError
        If the repository is gated and the token does not open it.
    ConnectionError
        If the Hub cannot be reached, or answers with an error.
    """
    folder = Path(name_or_folder)
    if not folder.is_dir():
        folder = _download(
            str(name_or_folder), revision, token, local_files_only, cache_dir, subfolder
        )
    if subfolder is not None:
        folder = folder / subfolder
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{str(name_or_folder)!r} has no subfolder {subfolder!r}."
            )
    return folder


def _download(
    repo_id: str,
    revision: str | None,
    token: str | bool | None,
    local_files_only: bool,
    cache_dir: str | Path | None,
    subfolder: str | None,
) -> Path:
    if not _REPO_ID.fullmatch(repo_id) or Path(repo_id).exists():
        raise FileNotFoundError(
            f"There is no folder {repo_id!r}, and it is no Hub id such as "
            "'minishlab/potion-base-8M' either."
        )
    from huggingface_hub import errors, snapshot_download

    prefix = "" if subfolder is None else subfolder.strip("/") + "/"
    at = "" if revision is None else f" at revision {revision!r}"
    try:
        return Path(
            snapshot_download(
                repo_id,
                revision=revision,
                token=token,
                local_files_only=local_files_only,
                cache_dir=cache_dir,
                allow_patterns=[prefix + name for name in _FILES],
            )
        )
    except errors.GatedRepoError as error:
        raise PermissionError(
            f"The Hub's model {repo_id!r} is gated: ask for access on its page, then "
            f"pass token=... ({error})"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"There is no folder {repo_id!r}, and no such model on the Hub, or it is "
            f"private and needs token=... ({error})"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(
            f"The Hub's model {repo_id!r} has no revision {revision!r}. ({error})"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        if local_files_only:
            raise FileNotFoundError(
                f"There is no folder {repo_id!r}, and the Hub's model of that name"
                f"{at} has not been downloaded before: try local_files_only=False."
            ) from error
        raise _unreachable(repo_id, error) from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError) as error:
        raise _unreachable(repo_id, error) from error


def _unreachable(repo_id: str, error: Exception) -> ConnectionError:
    return ConnectionError(
        f"There is no folder {repo_id!r}, and the Hub, where a model of that name may "
        f"be, cannot be reached. {_OFFLINE_WAYS} ({error})"
    )


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
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        write(folder)
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=revision,
            commit_message=commit_message or "Upload a static model",
        )
    return str(commit.commit_url)
