from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.captions import CaptionRules, caption_of, split_caption
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError

TAGS = ("1girl", "solo", "long hair", "smile", "outdoors")


def caption(rules: CaptionRules, epoch: int = 0, row: int = 0, text: str = "") -> str:
    return caption_of(split_caption(TAGS, text, rules), rules, 42, Sample(epoch, row, 0))


def test_without_rules_the_caption_is_the_tags() -> None:
    assert caption(CaptionRules()) == "1girl, solo, long hair, smile, outdoors"


def test_text_follows_the_tags() -> None:
    assert caption(CaptionRules(), text="a girl smiles").endswith("outdoors, a girl smiles")


def test_a_trigger_leads_and_stands_once() -> None:
    """S022."""
    assert caption(CaptionRules(trigger="smile", shuffle=True)).split(", ")[0] == "smile"
    assert caption(CaptionRules(trigger="smile")).count("smile") == 1


@given(st.integers(0, 5), st.integers(0, 50))
def test_the_head_never_moves(keep: int, epoch: int) -> None:
    """S017, S021: keep_tags hold their places, the rest is shuffled."""
    rules = CaptionRules(shuffle=True, keep_tags=keep)
    words = caption(rules, epoch).split(", ")
    assert words[:keep] == list(TAGS[:keep])
    assert sorted(words) == sorted(TAGS)


def test_two_epochs_differ_and_one_repeats() -> None:
    """S017: same (seed, epoch, item), same order."""
    rules = CaptionRules(shuffle=True)
    assert len({caption(rules, epoch) for epoch in range(20)}) > 10
    assert caption(rules, 3) == caption(rules, 3)


def test_tags_drop_at_their_rate() -> None:
    """S018: 0.10 within three standard deviations over 100k draws; the head never drops."""
    rules = CaptionRules(tag_dropout=0.1, keep_tags=1)
    kept = [caption(rules, row=row).split(", ") for row in range(25_000)]
    assert all(words[0] == "1girl" for words in kept)
    dropped = 4 * len(kept) - sum(len(words) - 1 for words in kept)
    assert dropped / (4 * len(kept)) == pytest.approx(0.1, abs=3 * (0.1 * 0.9 / 100_000) ** 0.5)


def test_captions_drop_at_their_rate() -> None:
    """S020: 0.2 of captions are empty, and nothing else of them is left."""
    rules = CaptionRules(caption_dropout=0.2, trigger="sls")
    empty = sum(caption(rules, row=row, text="words") == "" for row in range(20_000))
    assert empty / 20_000 == pytest.approx(0.2, abs=3 * (0.2 * 0.8 / 20_000) ** 0.5)


@pytest.mark.parametrize("values", [{"tag_dropout": 1.5}, {"caption_dropout": -0.1}, {"keep_tags": -1}])
def test_rules_without_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UserError):
        CaptionRules(**values)  # type: ignore[arg-type]
