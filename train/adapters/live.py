"""Adapters put on a loaded model and taken off again, at any ratio: the weights they touch are kept as they were read.

A model is read once for a whole grid. What is kept lies in the memory of the CPU in float32; the change is worked out
in float32 on the model's device, and then rounded to the numbers the model is held in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.adapters.apply import Fitted, fitted
from train.adapters.bundled import unbundled, word_warnings
from train.adapters.reading import add_change
from train.weights.lora_file import read_lora

if TYPE_CHECKING:
    from collections.abc import Callable

    from train.families.family import AdapterRoots

Chosen = Sequence[tuple[str, float]]  # files, and the ratio of each


class _Change(NamedTuple):
    file: str
    part: Fitted
    ratio: float


class LiveAdapters:
    """Adapters of `files` for a model that is not placed yet; `warn` hears what is doubtful in one.

    A file that cannot be used is refused when it is to be put on, and stops none of the others.
    """

    def __init__(
        self, roots: AdapterRoots, files: Iterable[str], warn: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        self._parts: dict[str, list[Fitted]] = {}
        self._refused: dict[str, UserError] = {}
        for file in dict.fromkeys(files):
            try:
                tensors, _ = read_lora(Path(file))
                self._parts[file] = fitted(roots, tensors)
            except UserError as error:
                self._refused[file] = UserError(f"{file}: {error.what}", error.hint)
                continue
            for doubt in word_warnings(unbundled(tensors)[1], visible(file)):
                warn(*doubt)
        modules = {part.module for parts in self._parts.values() for part in parts}
        self._plain = {module: _copies(module) for module in modules}
        self._changed: set[nn.Module] = set()
        self._on: tuple[tuple[str, float], ...] = ()

    @torch.no_grad()
    def put_on(self, chosen: Chosen) -> None:
        """Have the model answer with these adapters, in this order, and no others.

        Raises:
            UserError: one of them cannot be used with the model, which is then as it was read.
        """
        if tuple(chosen) == self._on:
            return
        if refused := next((self._refused[file] for file, _ in chosen if file in self._refused), None):
            raise refused
        wanted: dict[nn.Module, list[_Change]] = {}
        for file, ratio in chosen:
            for part in self._parts[file]:
                wanted.setdefault(part.module, []).append(_Change(file, part, ratio))
        touched = self._changed | wanted.keys()
        self._on, self._changed = tuple(chosen), set(wanted)
        try:
            for module in touched:
                self._set(module, wanted.get(module, ()))
        except UserError:
            for module in touched:
                self._set(module, ())
            self._on, self._changed = (), set()
            raise

    def _set(self, module: nn.Module, changes: Sequence[_Change]) -> None:
        """The module's weights as they were read, with these changes."""
        held = {name: weight.data for name, weight in module.named_parameters(recurse=False)}
        for name, weight in module.named_parameters(recurse=False):
            weight.data = self._plain[module][name].to(weight.device, copy=True)
        try:
            for file, part, ratio in changes:
                try:
                    add_change(module, part.name, part.tensors, ratio)
                except UserError as error:
                    raise UserError(f"{file}: {error.what}", error.hint) from error
        finally:
            for name, weight in module.named_parameters(recurse=False):
                held[name].copy_(weight.data)
                weight.data = held[name]


def _copies(module: nn.Module) -> Mapping[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in module.named_parameters(recurse=False)}
