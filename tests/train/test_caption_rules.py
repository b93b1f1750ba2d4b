"""Every caption rule of the manifest has an effect in the trainer, and the preview shows what is trained (S042)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch

from curator.contract.caption.captions import CaptionRules
from curator.contract.epoch_plan import EpochPlan
from curator.contract.manifest.manifest import open_manifest
from curator.freeze.captions import manifest_captions
from train.data.batches import BatchReader, Share
from train.data.quarantine import Quarantine

STEPS = 30
CHANGES: dict[str, dict[str, Any]] = {
    "shuffle": {"shuffle": True},
    "keep_tags": {"shuffle": True, "keep_tags": 3},
    "tag_dropout": {"tag_dropout": 0.5},
    "caption_dropout": {"caption_dropout": 0.5},
    "trigger": {"trigger": "sls"},
    "keep_separator": {"shuffle": True, "keep_separator": "1girl"},
    "secondary_separator": {"secondary_separator": "e"},
    "prefix": {"prefix": "photo of"},
    "suffix": {"suffix": "in oil"},
    "dropout_every_epochs": {"dropout_every_epochs": 2},
    "warmup_tags": {"warmup_steps": 20, "warmup_tags": 3},
    "warmup_steps": {"warmup_steps": 20},
    "escape_parentheses": {"trigger": "saber (fate)", "escape_parentheses": True},
}
BASES: dict[str, dict[str, Any]] = {
    "keep_tags": {"shuffle": True}, "keep_separator": {"shuffle": True}, "warmup_tags": {"warmup_steps": 20},
    "escape_parentheses": {"trigger": "saber (fate)"},
}  # fmt: skip

Tags = list[str]
EFFECTS: dict[str, Callable[[Tags, Tags], bool]] = {  # of the tags before and after
    "shuffle": lambda before, after: sorted(before) == sorted(after),
    "keep_tags": lambda before, after: after[1:3] == ["red", "1girl"][: len(after) - 1],
    "tag_dropout": lambda before, after: set(after) <= {*before, ""},
    "caption_dropout": lambda before, after: after in (before, [""]),
    "trigger": lambda before, after: after == ["sls", *before],
    "prefix": lambda before, after: after[0].startswith("photo of") and after[-1].endswith(before[-1]),
    "suffix": lambda before, after: after[-1].endswith("in oil") and after[0].startswith(before[0]),
    "dropout_every_epochs": lambda before, after: after in (before, [""]),
    "keep_separator": lambda before, after: (
        ((after[0].startswith("number") and after[1] == "red") or "1girl" not in before)
        and sorted(after) == sorted({*before} - {"1girl"})
    ),
    "secondary_separator": lambda before, after: after == ", ".join(before).replace("e", ", ").split(", "),
    "warmup_tags": lambda before, after: (
        after[: len(before)] == before and (len(after) >= 3 or after[-1] == "red")
    ),
    "warmup_steps": lambda before, after: after == before[: len(after)],
    "escape_parentheses": lambda before, after: after == ["saber \\(fate\\)", *before[1:]],
}


class AllKept:
    """No image is read."""

    def find(self, _picture: object, *, flip: bool) -> tuple[torch.Tensor]:
        return (torch.zeros(2, 4, 8, 8),)


def trained(pictures: Any) -> list[str]:
    with open_manifest(pictures.manifest) as manifest:
        reader = BatchReader(
            manifest,
            plan=EpochPlan(manifest.spans, 2, seed=9),
            quarantine=Quarantine(manifest.spans),
            share=Share(),
            workers=0,
            kept=AllKept(),
        )
        return [item.caption for batch in reader.batches(0, STEPS) for item in batch.items]


@pytest.mark.parametrize("name", CHANGES)
def test_every_rule_changes_what_is_trained(freeze: Any, frozen: Any, name: str) -> None:
    """S017-S022"""
    before = trained(freeze(frozen(rules=CaptionRules(**BASES.get(name, {})))))
    after = trained(freeze(frozen(rules=CaptionRules(**CHANGES[name]))))
    assert before != after
    pairs = [(one.split(", "), other.split(", ")) for one, other in zip(before, after, strict=True)]
    assert [pair for pair in pairs if not EFFECTS[name](*pair)] == []


def test_wildcards_are_drawn_in_training(freeze: Any, frozen: Any) -> None:
    plain = trained(freeze(frozen(rules=CaptionRules(trigger="{a|b}"))))
    drawn = trained(freeze(frozen(rules=CaptionRules(trigger="{a|b}", wildcards=True))))
    assert {caption.split(",")[0] for caption in plain} == {"{a|b}"}
    assert {caption.split(",")[0] for caption in drawn} == {"a", "b"}


def test_no_rule_was_forgotten() -> None:
    assert {each.name for each in fields(CaptionRules)} == {
        *CHANGES,
        "wildcards",
        "text_first",
    }  # the last works where the manifest is made


def test_the_preview_is_what_is_trained(freeze: Any, frozen: Any) -> None:
    """S042: step by step, warm-up, wildcards and all."""
    rules = CaptionRules(shuffle=True, keep_tags=1, tag_dropout=0.2, caption_dropout=0.1, prefix="{x|y}",
                         trigger="{a|b}", wildcards=True, warmup_steps=12, dropout_every_epochs=3)  # fmt: skip
    pictures = freeze(frozen(rules=rules))
    with open_manifest(pictures.manifest) as manifest:
        plan = EpochPlan(manifest.spans, 2, seed=9)
    shown = [
        manifest_captions(pictures.manifest, s.row, range(s.epoch, s.epoch + 1), 9, s.copy, step=step)[0]
        for step in range(STEPS)
        for s in plan.batch(*plan.locate(step)).samples
    ]
    assert shown == trained(pictures)
