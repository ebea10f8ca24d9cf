"""What can be written as a model folder can be saved, and pushed to the Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import hub, persistence

__all__ = ["FolderMixin"]


class FolderMixin:
    """``save_pretrained`` and ``push_to_hub`` for a class that has ``to_files``."""

    to_files: Callable[[], dict[str, bytes]]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that :meth:`from_pretrained`, and model2vec, can open.

        Parameters
        ----------
        folder : str or Path
            Made where it is not there; a model in it is replaced, once the new one is
            complete.

        Raises
        ------
        FileExistsError
            If `folder` holds files that are no part of a model.
        OSError
            If writing fails; what was there is as it was.
        TypeError
            If this is a pipeline whose steps are not an embedding and a head, or that
            has a label of a type that the format cannot hold.
        """
        persistence.write_folder(folder, self.to_files())

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        token: str | bool | None = None,
    ) -> str:
        """Upload the folder of :meth:`save_pretrained` to the Hugging Face Hub.

        Parameters
        ----------
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
        PermissionError
            If there is no token, or one that may not write there.
        FileNotFoundError
            If there is no such branch.
        ConnectionError
            If the Hub cannot be reached, or answers with an error.
        ValueError
            If `repo_id` is no Hub id, or `private` is set and the repository public.
        """
        return hub.push_folder(
            self.save_pretrained,
            repo_id,
            private=private,
            revision=revision,
            commit_message=commit_message,
            token=token,
        )
