"""The teacher of a distillation: a sentence transformer, run without its library.

The modules in ``modules.json`` are few and simple, so that ``transformers`` and this
module give the same vectors as ``sentence_transformers``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from .._io.places import checked_revision, checked_token, is_folder, leads_out
from .._training.devices import resolve_device
from .._utils.arrays import unit_rows
from .._utils.progress import counter

__all__ = ["Teacher"]

# Weights as safetensors only: the older formats can hold code.
_FILES = ("*.json", "*.txt", "*.model", "model*.safetensors", "*_Dense/*.safetensors")

_Pooling = Callable[[torch.Tensor], torch.Tensor]
_Step = Callable[[np.ndarray], np.ndarray]


def _position_weighted_mean(hidden: torch.Tensor) -> torch.Tensor:
    positions = hidden.new_tensor(range(1, hidden.shape[1] + 1))
    return (hidden * positions[:, None]).sum(dim=1) / positions.sum()


# For hidden states of shape (n_texts, length, n_dimensions) without padding.
_POOLINGS: dict[str, _Pooling] = {
    "cls": lambda hidden: hidden[:, 0],
    "lasttoken": lambda hidden: hidden[:, -1],
    "max": lambda hidden: hidden.amax(dim=1),
    "mean": lambda hidden: hidden.mean(dim=1),
    "mean_sqrt_len_tokens": lambda hidden: hidden.sum(dim=1) / hidden.shape[1] ** 0.5,
    "weightedmean": _position_weighted_mean,
}
_POOLING_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS: dict[str, _Step] = {"Identity": np.asarray, "Tanh": np.tanh}


class Teacher:
    """A sentence transformer that embeds token ids.

    Parameters
    ----------
    name_or_folder : str
        A folder, or an id of the Hugging Face Hub. Without ``modules.json`` the mean of
        the last hidden states is taken.
    device : str
        Where torch computes.
    **hub_options : object
        As of :func:`sklearn_static.distill`: revision, token, local_files_only.

    Attributes
    ----------
    tokenizer : tokenizers.Tokenizer
        Without padding and truncation.
    n_dimensions : int
        The length of an embedding.
    most_tokens : float
        How many ids a text may have, without special ones; infinity if any number.

    Raises
    ------
    FileNotFoundError
        If there is no such folder and no such model on the Hub.
    ValueError
        If it is not a sentence transformer, or has a module that is not supported, or
        if there is no such device.
    """

    def __init__(
        self,
        name_or_folder: str,
        device: str,
        **hub_options: Any,
    ) -> None:
        device = resolve_device(device)
        self._folder = _resolved(name_or_folder, hub_options)
        self._model = self._open_model(device)
        self.tokenizer = self._open_tokenizer()
        self._pooling: list[str] = ["mean"]
        self._after_pooling: list[_Step] = []
        for module in self._read_json("modules.json") or []:
            self._add_module(module["type"].rpartition(".")[2], module["path"])
        self._prefix, self._suffix = _special_ids(self.tokenizer)
        n_special = len(self._prefix) + len(self._suffix)
        self.most_tokens = self._longest_text() - n_special
        self.n_dimensions = self.embed([[0]], batch_size=1).shape[1]

    def embed(
        self,
        tokens: Sequence[list[int]],
        *,
        batch_size: int,
        show_progress_bar: bool = False,
    ) -> np.ndarray:
        """Embed token ids, between the special tokens that the teacher expects.

        Parameters
        ----------
        tokens : sequence of list of int
            Of length n_texts; ids of :attr:`tokenizer`, without special ones.
        batch_size : int
            The most texts at a time.
        show_progress_bar : bool, default=False
            Whether to show a progress bar.

        Returns
        -------
        embeddings : ndarray of shape (n_texts, n_dimensions), float32
        """
        pooled = []
        batches = _batches_of_equal_length([len(ids) for ids in tokens], batch_size)
        with counter("teacher", "tokens", show=show_progress_bar) as callback:
            for rows in batches:
                ids = [[*self._prefix, *tokens[i], *self._suffix] for i in rows]
                pooled.append(self._pool(ids))
                callback(sum(map(len, pooled)), len(tokens))
        embeddings = np.concatenate(pooled)
        for step in self._after_pooling:
            embeddings = step(embeddings)
        out = np.empty_like(embeddings)
        out[np.concatenate(batches)] = embeddings
        return out

    def _pool(self, ids: list[list[int]]) -> np.ndarray:
        with torch.inference_mode():
            input_ids = torch.tensor(ids, device=self._model.device)
            mask = torch.ones_like(input_ids)
            output = self._model(input_ids=input_ids, attention_mask=mask)
            hidden = output.last_hidden_state
            parts = [_POOLINGS[name](hidden) for name in self._pooling]
            return np.asarray(torch.cat(parts, dim=1).cpu())

    def _open_model(self, device: str) -> torch.nn.Module:
        # Weights missing in the folder, such as those of an unused pooler, are drawn at
        # random, which must not change torch's global generator.
        with torch.random.fork_rng(devices=[]), _without_progress_bars():
            model = self._open(AutoModel)
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        return model.float().to(device).eval()

    def _open_tokenizer(self) -> Tokenizer:
        tokenizer = self._open(AutoTokenizer)
        if not hasattr(tokenizer, "backend_tokenizer"):
            raise ValueError(
                f"The tokenizer in {str(self._folder)!r} has no fast version, that is, "
                "one of the tokenizers library, which a static embedding needs. Choose "
                "another teacher."
            )
        self._tokenizer_limit = tokenizer.model_max_length
        copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        copy.no_padding()
        copy.no_truncation()
        return copy

    def _longest_text(self) -> float:
        """The most ids of a text: as the tokenizer says, and as positions there are."""
        positions = getattr(self._model.config, "max_position_embeddings", None)
        limit = min(self._tokenizer_limit, positions or inf)
        return limit if limit > 0 else inf

    def _open(self, auto_class: Any) -> Any:
        try:
            return auto_class.from_pretrained(self._folder, local_files_only=True)
        except (OSError, ValueError) as error:
            found = sorted(entry.name for entry in self._folder.iterdir())[:10]
            raise ValueError(
                f"{str(self._folder)!r} is not a sentence transformer: a folder with "
                "config.json, model.safetensors and a tokenizer was expected, but it "
                f"holds {found}. ({error})"
            ) from error

    def _add_module(self, kind: str, path: str) -> None:
        if kind == "Pooling":
            self._pooling = self._read_pooling(path)
        elif kind == "Dense":
            self._after_pooling.append(self._read_dense(path))
        elif kind == "Normalize":
            self._after_pooling.append(unit_rows)
        elif kind != "Dropout" and (kind, path) != ("Transformer", ""):
            raise ValueError(
                f"{str(self._folder)!r} has a module {kind} at {path!r}, but only a "
                "Transformer at '' and Pooling, Dense, Normalize and Dropout after it "
                "are supported. Choose another teacher."
            )

    def _read_pooling(self, path: str) -> list[str]:
        config = self._read_config(path)
        modes = config.get("pooling_mode")
        if modes is None:
            modes = [mode for key, mode in _POOLING_KEYS.items() if config.get(key)]
        modes = [modes] if isinstance(modes, str) else list(modes) or ["mean"]
        for mode in modes:
            self._check_known("Pooling", mode, _POOLINGS)
        return modes

    def _read_dense(self, path: str) -> _Step:
        config = self._read_config(path)
        name = config.get("activation_function", "Tanh").rpartition(".")[2]
        self._check_known("Dense", name, _ACTIVATIONS)
        layer = load_file(self._folder / path / "model.safetensors")
        weight = layer["linear.weight"].T.astype(np.float32)
        bias = layer.get("linear.bias", np.zeros(1)).astype(np.float32)
        activation = _ACTIVATIONS[name]
        return lambda embeddings: activation(embeddings @ weight + bias)

    def _read_config(self, path: str) -> dict[str, Any]:
        config = None if leads_out(path) else self._read_json(f"{path}/config.json")
        if not isinstance(config, dict):
            raise ValueError(
                f"{str(self._folder)!r} lists a module at {path!r} in modules.json, "
                "but its config.json is missing or no JSON object. Choose another "
                "teacher."
            )
        return config

    def _check_known(self, module: str, setting: str, known: Mapping[str, Any]) -> None:
        if setting not in known:
            raise ValueError(
                f"{str(self._folder)!r} has a {module} module with {setting!r}, but "
                f"one of {sorted(known)} was expected. Choose another teacher."
            )

    def _read_json(self, name: str) -> Any:
        """The contents of a JSON file, None where there is no such file."""
        path = self._folder / name
        return json.loads(path.read_bytes()) if path.is_file() else None


def _resolved(name_or_folder: str, hub_options: dict[str, Any]) -> Path:
    """The folder, downloaded first if it is a Hub id."""
    hub_options = {
        **hub_options,
        "revision": checked_revision(hub_options.get("revision")),
        "token": checked_token(hub_options.get("token")),
    }
    if is_folder(name_or_folder):
        return Path(name_or_folder)
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name_or_folder, allow_patterns=[*_FILES], **hub_options)
        )
    except Exception as error:
        raise FileNotFoundError(
            f"There is no folder {name_or_folder!r}, and no sentence transformer of "
            f"that name could be downloaded from the Hugging Face Hub. ({error})"
        ) from error


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Hide the progress bar that transformers shows while it reads weights."""
    were_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_shown:
            logging.enable_progress_bar()


def _special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that `tokenizer` puts before and after those of a text."""
    encoding = tokenizer.encode("a")
    is_special = encoding.special_tokens_mask
    if all(is_special):
        return encoding.ids, []
    start = is_special.index(0)
    end = len(is_special) - is_special[::-1].index(0)
    return encoding.ids[:start], encoding.ids[end:]


def _batches_of_equal_length(lengths: list[int], batch_size: int) -> list[np.ndarray]:
    """Indices of texts of equal length, at most `batch_size` at a time."""
    order = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(np.asarray(lengths)[order])) + 1
    return [
        group[start : start + batch_size]
        for group in np.split(order, ends)
        for start in range(0, len(group), batch_size)
    ]
