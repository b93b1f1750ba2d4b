"""Tokenizers of a model folder; the shipped vocabulary where it has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import CLIPTokenizer

from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible
from train.families.clip_text import TOKENS

if TYPE_CHECKING:
    from train.families.rows import TextPart

_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # either is a whole tokenizer


def read_tokenizer(model: Path, part: TextPart, rows: int) -> tuple[CLIPTokenizer, list[TrainingWarning]]:
    """The tokenizer of one text encoder, which has `rows` token embeddings.

    Raises:
        UserError: its vocabulary is larger than the text encoder's.
    """
    folder = model / part.tokenizer_folder
    tokenizer = _own(folder)
    if tokenizer is None:
        warning = TrainingWarning(
            f"{visible(str(folder))} holds no whole tokenizer", "CLIP's own vocabulary is used instead"
        )
        return part.shipped_tokenizer(), [warning]
    if len(tokenizer) > rows:
        raise UserError(
            f"{folder} has {len(tokenizer):,} tokens, and the text encoder knows {rows:,}",
            "the folder mixes two models: give a whole one",
        )
    return tokenizer, []


def _own(folder: Path) -> CLIPTokenizer | None:
    """transformers makes a tokenizer of garbage where files are missing: they are looked for first."""
    if not any(all((folder / name).is_file() for name in names) for names in _FILES):
        return None
    try:
        found = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    return found if len(found.get_vocab()) > TOKENS else None


def write_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Files that old and new versions of transformers read."""
    tokenizer.save_pretrained(str(folder))
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False), encoding="utf-8")
    merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
