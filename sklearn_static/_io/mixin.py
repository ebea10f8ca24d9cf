"""Saving a model as a folder, and pushing that to the Hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from . import files as persistence
from . import hub
from .card import filled_in

__all__ = ["FolderMixin"]


class FolderMixin:
    """``save_pretrained`` and ``push_to_hub`` for a class that has ``to_files``."""

    to_files: Callable[[], dict[str, bytes]]

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        metrics: Mapping[str, float] | None = None,
        card_data: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a folder that :meth:`from_pretrained`, and model2vec, can open.

        Parameters
        ----------
        folder : str or Path
            Made where it is not there; a model in it is replaced, once the new one is
            complete.
        metrics : mapping of str to float, default=None
            What the model card, ``README.md``, is to say of the model's quality, such
            as ``{"accuracy": 0.93}`` or what :meth:`StaticPipeline.evaluate` returns.
        card_data : mapping, default=None
            Entries of the card's metadata, as of ``huggingface_hub.ModelCardData``:
            ``{"license": "mit", "datasets": ["banking77"], "language": "en"}``. The
            ``base_model`` is the one that the table was distilled from, where the
            table says so.

        Raises
        ------
        FileExistsError
            If `folder` holds files that are no part of a model.
        OSError
            If writing fails; what was there is as it was.
        TypeError, ValueError
            If `metrics` or `card_data` is not as described, or this is a pipeline whose
            steps are not an embedding and a head, or that has a label of a type that
            the format cannot hold.
        """
        files = self.to_files()
        base_model = json.loads(files["config.json"]).get("tokenizer_name")
        card = files["README.md"].decode()
        files["README.md"] = filled_in(card, metrics, card_data, base_model).encode()
        persistence.write_folder(folder, files)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        token: str | bool | None = None,
        metrics: Mapping[str, float] | None = None,
        card_data: Mapping[str, Any] | None = None,
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
        metrics, card_data : mapping, default=None
            As in :meth:`save_pretrained`.

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
        TypeError, ValueError
            If the model cannot be saved; see :meth:`save_pretrained`. If `repo_id` is
            no Hub id, or `private` is set and the repository public.
        """
        return hub.push_folder(
            partial(self.save_pretrained, metrics=metrics, card_data=card_data),
            repo_id,
            private=private,
            revision=revision,
            commit_message=commit_message,
            token=token,
        )
