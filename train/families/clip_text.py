"""CLIP text encoding: token batches, chunks, weights, and module names in adapter files.

CLIP reads 75 tokens at once, between two marks. A longer caption is read in chunks of 75, each between marks of its
own; of the states, the marks between chunks are left out (rows S025, S026; the rules of kohya-ss/sd-scripts).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from curator.contract.caption.clip_tokens import CLIP_VOCAB, TOKENS_A_CHUNK
from curator.contract.caption.prompt_weights import Weighted, parse_weights

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Text

TOKENS = TOKENS_A_CHUNK + 2  # with the start and the end mark


class Expansion(NamedTuple):
    """A word of captions, and the tokens it is read as; with `layers`, other ones for each layer that reads text."""

    word: re.Pattern[str]
    tokens: str
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextRules:
    """How captions are read. With `weighted`, brackets scale the states of the words within; none is scaled back."""

    weighted: bool = False
    max_tokens: int = TOKENS_A_CHUNK
    expansion: Expansion | None = None

    @property
    def chunks(self) -> int:
        return self.max_tokens // TOKENS_A_CHUNK

    @property
    def of_layers(self) -> list[TextRules]:
        """The rules for each layer of the UNet that reads text, where they differ; else these alone."""
        if self.expansion is None or not self.expansion.layers:
            return [self]
        word = self.expansion.word
        return [replace(self, expansion=Expansion(word, tokens)) for tokens in self.expansion.layers]


PLAIN_TEXT = TextRules()


def rules_of(text: Text) -> TextRules:
    """The rules of a recipe."""
    return TextRules(text.weighted_captions, text.max_tokens)


class TokenBatch(NamedTuple):
    """What n captions become: `ids` [n x chunks, 77], and what each of their joined states is multiplied by."""

    ids: Tensor
    weights: Tensor | None  # [n, 75 x chunks + 2]; None: nothing is weighted


class Tokens(NamedTuple):
    """What a family is told of n images before anything is encoded: a batch for each time a text is read.

    Of each image its caption's key: equal where text encoders are told the same; and whether it will come again.
    """

    texts: tuple[TokenBatch, ...]
    keys: tuple[bytes, ...]
    sizes: Tensor | None = None  # [n, 6], SDXL's alone
    recur: tuple[bool, ...] | None = None  # None: all do


def clip_tokenizer(pad_token: str = "<|endoftext|>") -> CLIPTokenizer:  # noqa: S107 (a token of the vocabulary)
    """CLIP's tokenizer with its real vocabulary, padded as CLIP-L is; SDXL's second encoder pads with "!"."""
    return CLIPTokenizer(
        vocab=str(CLIP_VOCAB / "vocab.json"),
        merges=str(CLIP_VOCAB / "merges.txt"),
        model_max_length=TOKENS,
        pad_token=pad_token,
    )


def tokenize(tokenizer: CLIPTokenizer, captions: Sequence[str], rules: TextRules) -> TokenBatch:
    """What is too long is cut, what is short is padded to all chunks, so that any two captions fit together."""
    found = [_tokens(tokenizer, caption, rules) for caption in captions]
    ids = torch.tensor([row for tokens, _ in found for row in _chunks(tokenizer, tokens, rules.chunks)])
    if not rules.weighted:
        return TokenBatch(ids, None)
    room = rules.max_tokens
    weights = [[1.0, *scales[:room], *[1.0] * (room - len(scales)), 1.0] for _, scales in found]
    return TokenBatch(ids, torch.tensor(weights))


def keys_of(texts: Sequence[TokenBatch], count: int) -> tuple[bytes, ...]:
    """The keys of `count` captions: digests of all that is read of each."""
    parts = [part.reshape(count, -1).numpy() for text in texts for part in text if part is not None]
    rows = (b"".join(part[row].tobytes() for part in parts) for row in range(count))
    return tuple(hashlib.blake2b(row, digest_size=16).digest() for row in rows)


def joined(states: Tensor, weights: Tensor | None, rules: TextRules) -> Tensor:
    """States [n x chunks, 77, width] as [n, 75 x chunks + 2, width]: first mark, all words, last mark; weighted."""
    if rules.chunks > 1:
        parts = states.unflatten(0, (-1, rules.chunks))
        words = parts[:, :, 1:-1].flatten(1, 2)
        states = torch.cat([parts[:, 0, :1], words, parts[:, -1, -1:]], dim=1)
    if weights is None:
        return states
    return (states * weights[..., None]).to(states.dtype)  # in float32: bf16 makes 1.1 1.1016


def token_count(tokenizer: CLIPTokenizer, caption: str, rules: TextRules) -> int:
    """Tokens of the caption alone, without marks and uncut."""
    return len(_tokens(tokenizer, caption, rules)[0])


def _tokens(tokenizer: CLIPTokenizer, caption: str, rules: TextRules) -> tuple[list[int], list[float]]:
    """Tokens without marks, uncut, and the weight of each; pieces of different weight are encoded apart."""
    ids: list[int] = []
    weights: list[float] = []
    for text, weight in parse_weights(caption) if rules.weighted else [Weighted(caption, 1.0)]:
        if rules.expansion is not None:
            text = rules.expansion.word.sub(rules.expansion.tokens, text)  # noqa: PLW2901
        found = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
        ids += found
        weights += [weight] * len(found)
    return ids, weights


def _chunks(tokenizer: CLIPTokenizer, tokens: list[int], chunks: int) -> list[list[int]]:
    begin, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    pieces = [tokens[at * TOKENS_A_CHUNK : (at + 1) * TOKENS_A_CHUNK] for at in range(chunks)]
    return [[begin, *piece, end, *[pad] * (TOKENS_A_CHUNK - len(piece))] for piece in pieces]


def text_model_path(encoder: nn.Module) -> nn.Module:
    """A root under which the encoder's modules have the names every client of LoRA files expects.

    transformers 5.6 took `text_model` out of the path of CLIPTextModel.
    """
    return encoder if hasattr(encoder, "text_model") else _TextModelPath(encoder)


class _TextModelPath(nn.Module):
    """Puts `text_model.` back before the names of a flat CLIP text model."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.text_model = encoder
