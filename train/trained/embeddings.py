"""Embeddings of a word as what is trained (textual inversion, Gal 2022): vectors that text encoders read for it.

The word of a caption becomes as many new tokens as it has vectors; all else of the model is frozen. A word means the
same to every text encoder of the model, by vectors of each one's own width. Extended (XTI, Voynov 2023), it has other
vectors for each layer of the UNet that reads text, and a caption is encoded once for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import AddedToken
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTokenizer

from curator.contract.errors import UserError
from train.adapters.bundled import unbundled
from train.families.clip_text import Expansion
from train.trained.text_layers import part_states, text_layers
from train.trained.trained import WeightGroup, Written
from train.weights.lora_file import Stored, read_lora, write_lora

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Embeddings, Recipe
    from train.families.family import Family

_GROUP = "embeddings"
_FILE_NAMES = {1: ("emb_params",), 2: ("clip_l", "clip_g")}


class TrainedEmbeddings:
    """The vectors of one word, one tensor [vectors, width] a text encoder: a `train.trained.trained.Trained`.

    `names` are those in files, of equal shares of all rows.
    """

    def __init__(self, vectors: list[nn.Parameter], rate: float, names: Sequence[str]) -> None:
        self._vectors = vectors
        self._rate = rate
        self._names = names

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

    def whole(self) -> AbstractContextManager[None]:
        """They are."""
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
        """One file, as other programs read it: `emb_params`, `clip_l` and `clip_g` for SDXL, or kohya's for XTI."""
        path = place.with_name(f"{place.name}.safetensors")
        return [Written(path, write_lora(path, self.state(), metadata, stored))]

    def _named(self) -> dict[str, Tensor]:
        """Views of the vectors by their names in files: a text encoder's, or of one encoder a layer's."""
        shares = len(self._names) // len(self._vectors)
        parts = [part for vectors in self._vectors for part in vectors.detach().chunk(shares)]
        return dict(zip(self._names, parts, strict=True))


def word_of(knobs: Embeddings) -> re.Pattern[str]:
    """The word, where it stands in a caption."""
    return re.compile(rf"(?<!\w){re.escape(knobs.word)}(?!\w)", re.IGNORECASE)


def add_embeddings(family: Family, recipe: Recipe) -> TrainedEmbeddings:
    """New vectors for the recipe's word, in every text encoder and its tokenizer; captions are read with them.

    Raises:
        UserError: the text to start from has no tokens, the file to start from is another's, or SDXL and `extended`.
    """
    knobs = recipe.embeddings
    layers = _layers(family) if knobs.extended else {}
    tokens = [_tokens(knobs, layer) for layer in layers or ("",)]
    pairs = zip(family.tokenizers, family.text_encoders, strict=True)
    vectors = [_added(tokenizer, encoder, knobs, tokens) for tokenizer, encoder in pairs]
    texts = tuple(map(" ".join, tokens))
    expansion = Expansion(word_of(knobs), texts[0], texts if layers else ())
    family.text = replace(family.text, expansion=expansion)
    part_states(layers)
    trained = TrainedEmbeddings(vectors, knobs.lr, tuple(layers) or _FILE_NAMES[len(vectors)])
    if knobs.start:
        _start_from(trained, Path(knobs.start).expanduser(), knobs.word)
    return trained


def _layers(family: Family) -> dict[str, nn.Module]:
    if len(family.text_encoders) > 1:
        raise UserError(
            "embeddings.extended is for models with one text encoder",
            "leave it out, or give an SD 1.x or 2.x model",
        )
    return text_layers(family.unet)


def _start_from(trained: TrainedEmbeddings, path: Path, word: str) -> None:
    """From a file of embeddings, or from those of the word that are bundled in an adapter's."""
    tensors, words = unbundled(read_lora(path)[0])
    if words:
        found = words.get(word, {})
        tensors = {"emb_params": found["clip_l"], **found} if "clip_l" in found else found
    try:
        trained.load(tensors)
    except UserError as error:
        raise UserError(
            f"embeddings.start: in {path} {error.what}",
            "set embeddings.vectors and embeddings.extended as they were for the file",
        ) from error


def _tokens(knobs: Embeddings, layer: str) -> list[str]:
    """Names that no caption has by chance."""
    name = "-".join(filter(None, (knobs.word.lower(), layer.lower())))
    return [f"<|{name}-{number}|>" for number in range(knobs.vectors)]


@torch.no_grad()
def _added(
    tokenizer: CLIPTokenizer, encoder: Any, knobs: Embeddings, tokens: Sequence[Sequence[str]]
) -> nn.Parameter:
    """Vectors for the tokens of every layer, one row each."""
    table: nn.Embedding = encoder.get_input_embeddings()
    ids = tokenizer(knobs.initial, add_special_tokens=False).input_ids
    if not ids:
        raise UserError(
            f"embeddings.initial = '{knobs.initial}' has no tokens", "give a word, such as 'person'"
        )
    first = len(tokenizer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for layer in tokens for token in layer])
    rows = [ids[number % len(ids)] for layer in tokens for number in range(len(layer))]
    start = table.weight[torch.tensor(rows)]
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
