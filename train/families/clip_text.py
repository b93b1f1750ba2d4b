"""Decides how CLIP text encoders are fed, and under which module names the world knows them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import CLIPTokenizer

from curator.contract.clip_tokens import CLIP_VOCAB

TOKENS = 77  # with the start and the end mark


def clip_tokenizer(pad_token: str = "<|endoftext|>") -> CLIPTokenizer:  # noqa: S107 (a token of the vocabulary)
    """CLIP's tokenizer with its real vocabulary, padded as CLIP-L is; SDXL's second encoder pads with "!"."""
    return CLIPTokenizer(
        vocab=str(CLIP_VOCAB / "vocab.json"),
        merges=str(CLIP_VOCAB / "merges.txt"),
        model_max_length=TOKENS,
        pad_token=pad_token,
    )


def token_ids(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """[n, 77]; what is too long is cut, what is short is padded."""
    found = tokenizer(
        list(captions), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
    )
    return found.input_ids


def token_count(tokenizer: CLIPTokenizer, caption: str) -> int:
    """Tokens of the caption alone, without marks and uncut."""
    return len(tokenizer(caption, add_special_tokens=False, truncation=False, verbose=False).input_ids)


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
