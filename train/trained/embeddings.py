"""Embeddings of a word as what is trained (textual inversion, Gal 2022): vectors that text encoders read for it.

The word of a caption becomes as many new tokens as it has vectors; all else of the model is frozen. A word means the
same to every text encoder of the model, by vectors of each one's own width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTokenizer

from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Embeddings, Recipe
from curator.contract.text import visible
from train.families.clip_text import Expansion
from train.families.family import Family
from train.trained.trained import WeightGroup, Written
from train.weights.lora_file import Stored, write_lora

_GROUP = "embeddings"
_FILE_NAMES = {1: ("emb_params",), 2: ("clip_l", "clip_g")}


class TrainedEmbeddings:
    """The vectors of one word, one tensor [vectors, width] a text encoder: a `train.trained.trained.Trained`."""

    def __init__(self, vectors: list[nn.Parameter], rate: float) -> None:
        self._vectors = vectors
        self._rate = rate

    @property
    def groups(self) -> list[WeightGroup]:
        return [WeightGroup(_GROUP, self._rate, tuple(self._vectors))]

    @property
    def weights(self) -> list[nn.Parameter]:
        return self._vectors

    @property
    def trains_text(self) -> bool:
        return True

    def stepped(self) -> None:
        """Nothing follows them."""

    def at_rest(self) -> AbstractContextManager[None]:
        """They are judged as they are."""
        return nullcontext()

    def state(self) -> dict[str, Tensor]:
        """The vectors, under their names in files; copies on the CPU."""
        return {name: vectors.detach().cpu().clone() for name, vectors in self._named().items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            UserError: another number of vectors, or of another width.
        """
        for name, vectors in self._named().items():
            if name not in state or state[name].shape != vectors.shape:
                raise UserError(
                    f"{name} is missing or has another size",
                    "the embeddings' settings differ from the state's",
                )
            vectors.copy_(state[name])

    def write(self, place: Path, metadata: Mapping[str, str], stored: Stored) -> list[Written]:
        """One file, as every program reads it: `emb_params`, or `clip_l` and `clip_g` for SDXL."""
        path = place.with_name(f"{place.name}.safetensors")
        return [Written(path, write_lora(path, self.state(), metadata, stored))]

    def _named(self) -> dict[str, nn.Parameter]:
        return dict(zip(_FILE_NAMES[len(self._vectors)], self._vectors, strict=True))


def expansion_of(knobs: Embeddings) -> Expansion:
    """The word, and the tokens it stands for."""
    pattern = re.compile(rf"(?<!\w){re.escape(knobs.word)}(?!\w)", re.IGNORECASE)
    return Expansion(pattern, " ".join(_tokens(knobs)))


def add_embeddings(family: Family, recipe: Recipe) -> TrainedEmbeddings:
    """New vectors for the recipe's word, in every text encoder and its tokenizer.

    Raises:
        UserError: the text to start from has no tokens.
    """
    knobs = recipe.embeddings
    pairs = zip(family.tokenizers, family.text_encoders, strict=True)
    vectors = [_added(tokenizer, encoder, knobs) for tokenizer, encoder in pairs]
    return TrainedEmbeddings(vectors, knobs.lr)


def _tokens(knobs: Embeddings) -> list[str]:
    """Names that no caption has by chance."""
    return [f"<|{knobs.word.lower()}-{number}|>" for number in range(knobs.vectors)]


@torch.no_grad()
def _added(tokenizer: CLIPTokenizer, encoder: Any, knobs: Embeddings) -> nn.Parameter:
    table: nn.Embedding = encoder.get_input_embeddings()
    ids = tokenizer(knobs.initial, add_special_tokens=False).input_ids
    if not ids:
        raise UserError(
            f"embeddings.initial = '{visible(knobs.initial)}' has no tokens", "give a word, such as 'person'"
        )
    first = len(tokenizer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in _tokens(knobs)])
    start = table.weight[torch.tensor([ids[number % len(ids)] for number in range(knobs.vectors)])]
    vectors = nn.Parameter(start.float().clone())
    encoder.set_input_embeddings(_Extended(table, vectors, first))
    for module in encoder.modules():
        # With the 2 that old configurations say, CLIP takes the highest token for the end of the text.
        if hasattr(module, "eos_token_id"):
            module.eos_token_id = tokenizer.eos_token_id
    return vectors


class _Extended(nn.Module):
    """A table of vectors that is frozen, and trained ones after `first`."""

    def __init__(self, table: nn.Embedding, vectors: nn.Parameter, first: int) -> None:
        super().__init__()
        self.table = table
        self.vectors = vectors
        self.first = first

    def forward(self, ids: Tensor) -> Tensor:
        known = self.table(ids.clamp(max=self.table.num_embeddings - 1))
        own = functional.embedding((ids - self.first).clamp(min=0), self.vectors).to(known.dtype)
        return torch.where((ids >= self.first)[..., None], own, known)
