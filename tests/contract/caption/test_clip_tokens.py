"""Token counts by CLIP's own vocabulary (S026), against the tokenizer that trains."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.caption.clip_tokens import CLIP_VOCAB, chunks_of, count_tokens, count_weighted, counted

TEXTS = (
    "", "a", "1girl, solo, long hair, looking at viewer", "don't they'll 2021 1024x768", "^_^ (o)_(o) |_| :3",
    "masterpiece, best quality, hatsune miku, vocaloid", "Ünïcödé ÀÉÎ straße", "初音ミク", "emoji 👍🏽 family 👨‍👩‍👧",
    "a\tb\n\nc   d",
    "e\u0301 combining", "ⅷ ² ½ ٣", "snake_case and-dashes...",
    "<|endoftext|> inside", "A" * 300, "'S 'LL it'S", "!!!??",
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    transformers = pytest.importorskip("transformers", reason="the train extra is not installed")
    files = {"vocab": str(CLIP_VOCAB / "vocab.json"), "merges": str(CLIP_VOCAB / "merges.txt")}
    return transformers.CLIPTokenizer(**files, model_max_length=77, pad_token="<|endoftext|>")


def real(tokenizer, text: str) -> int:
    return len(tokenizer(text, truncation=False, padding=False)["input_ids"]) - 2


@pytest.mark.parametrize("text", TEXTS)
def test_counts_are_those_of_the_trainers_tokenizer(tokenizer, text: str) -> None:
    """S026"""
    assert count_tokens(text) == real(tokenizer, text)


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cn", "Co", "Cs"]), max_size=30))
def test_counts_of_any_text(tokenizer, text: str) -> None:
    assert count_tokens(text) == real(tokenizer, text)


@pytest.mark.parametrize(
    ("tokens", "chunks"), [(0, 1), (1, 1), (75, 1), (76, 2), (150, 2), (151, 3), (225, 3)]
)
def test_chunks(tokens: int, chunks: int) -> None:
    """S026: 75, 150, 225."""
    assert chunks_of(tokens) == chunks


def test_what_falls_off_is_marked() -> None:
    fits = counted("cat " * 75)
    assert (fits.tokens, fits.chunks, fits.cut) == (75, 1, "")
    over = counted("cat " * 75 + "dog bird")
    assert (over.tokens, over.chunks, over.cut.strip()) == (77, 2, "dog bird")
    assert over.kept + over.cut == "cat " * 75 + "dog bird"
    assert counted("cat " * 80, 150).cut == ""


def test_a_word_cut_through_falls_off() -> None:
    long_word = "pneumonoultramicroscopic"
    assert count_tokens(long_word) > 2
    assert counted("cat " * 74 + long_word).cut.strip() == long_word


def test_what_falls_off_is_told_without_the_brackets() -> None:
    """S025, S026: each piece is encoded by itself, as in training."""
    over = counted("(cat:1.3) " * 75 + "[dog]", weighted=True)
    assert (over.tokens, over.cut.strip()) == (76, "dog")
    assert over.kept.split() == ["cat"] * 75
    assert counted("(cat:1.3)").tokens > counted("(cat:1.3)", weighted=True).tokens == 1


def test_weights_are_no_tokens() -> None:
    assert count_weighted("(cat:1.3), [dog]") == count_tokens("cat , dog")
