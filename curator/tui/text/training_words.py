"""A training before its start as text: its length, and each caption with its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.run.run_length import plan_training
from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.widgets.bars import bar

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Span
    from curator.contract.recipe.recipe import Recipe
    from curator.freeze.caption_walk import CaptionPreview


def length_in_words(recipe: Recipe, spans: Sequence[Span]) -> Text:
    """How long the training will be, from the manifest's spans and the trainer's own plan."""
    if not spans:
        return Text(" no manifest: the length is not known\n")
    plan = plan_training(spans, recipe)
    each = plan.plan.batches(0)
    text = Text(" ").append(counted(plan.total_steps, "step"), "bold")
    text.append(f": {counted(plan.total_epochs, 'epoch')} x {counted(each, 'step')}")
    return text.append(
        f"\n batch {plan.effective_batch}, {counted(plan.plan.samples_per_epoch, 'sample')} an epoch"
    )


def said_lines(said: CaptionPreview, width: int) -> list[Text]:
    """A caption with its tokens, what its rules left out, and what falls off its end."""
    tokens = said.tokens
    share = min(1.0, tokens.tokens / said.text.max_tokens)
    count = f" caption   {tokens.tokens} of {said.text.max_tokens} tokens "
    lines = [
        Text(count, "bold").append(
            bar(share, max(4, min(20, width - len(count)))), f"not bold {meanings.BAR}"
        )
    ]
    lines += _wrapped(said.caption or "(no caption: the image is trained with the empty one)", width, "")
    if tokens.cut.strip():
        lines += _wrapped(f"falls off: {tokens.cut.strip()}", width, f"bold {meanings.FINDING}")
    if said.left_out:
        lines += [
            Text(" left out this time:", "italic"),
            *_wrapped(", ".join(said.left_out), width, f"strike {meanings.REMOVED}"),
        ]
    return lines


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    return [Text(f" {line}", style) for line in wrap(visible(text), max(10, width - 2))]
