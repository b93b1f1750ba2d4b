"""Embeddings of words inside adapter files, as OneTrainer bundles them: `bundle_emb.WORD.clip_l`, `….clip_g`.

A whole embedding of Automatic1111's may lie there too: `bundle_emb.WORD.string_to_param.*`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible

_PREFIX = "bundle_emb."
_WHOLE = ".string_to_param.*"

Words = dict[str, dict[str, Tensor]]


def unbundled(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Words]:
    """The adapter of a file, and the embeddings within by word and then by the text encoder they are for.

    A whole embedding of one text encoder is `clip_l`'s.
    """
    adapter: dict[str, Tensor] = {}
    words: Words = {}
    for name, tensor in tensors.items():
        if not name.startswith(_PREFIX):
            adapter[name] = tensor
            continue
        inner = name.removeprefix(_PREFIX)
        if inner.endswith(_WHOLE):
            inner = f"{inner.removesuffix(_WHOLE)}.clip_l"
        word, _, encoder = inner.rpartition(".")
        words.setdefault(word, {})[encoder] = tensor
    return adapter, words


def word_warnings(words: Words, shown: str) -> list[TrainingWarning]:
    """What to say where the embeddings are not what is trained."""
    if not words:
        return []
    listed = ", ".join(f"'{visible(word)}'" for word in sorted(words))
    return [
        TrainingWarning(
            f"{shown} holds embeddings of words as well, which are not used: {listed}",
            "where captions have such a word it is read as plain text; embeddings.start trains one of them on",
        )
    ]
