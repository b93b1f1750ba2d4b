"""A training before its start as text: its length, and each caption with its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.run.run_length import plan_training
from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.lines import wrapped

if TYPE_CHECKING:
    from rich.console import Console

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


def said_lines(said: CaptionPreview, width: int, console: Console) -> list[Text]:
    """A caption with its tokens: its head bold, what its rules left out struck through, and what falls off its end."""
    tokens = said.tokens
    share = min(1.0, tokens.tokens / said.text.max_tokens)
    count = f" caption   {tokens.tokens} of {said.text.max_tokens} tokens "
    first = Text(count, "bold").append(
        bar(share, max(4, min(20, width - len(count)))), f"not bold {meanings.BAR}"
    )
    if said.left_out:
        first.append(f"   -{len(said.left_out)} left out this time", "not bold italic")
    lines = [first, *_wrapped(_marked(said), width, console)]
    if tokens.cut.strip():
        falls = Text(f"falls off: {visible(tokens.cut.strip())}", f"bold {meanings.FINDING}")
        lines += _wrapped(falls, width, console)
    return lines


def _marked(said: CaptionPreview) -> Text:
    """What is left out stands at the end, with a minus: where it would be in a shuffled caption is nowhere."""
    text = Text()
    if said.caption:
        text.append(visible(said.head), "bold").append(visible(said.caption.removeprefix(said.head)))
    else:
        text.append("(no caption: the image is trained with the empty one)")
    for piece in said.left_out:
        text.append("  ").append(f"-{visible(piece)}", f"strike {meanings.REMOVED}")
    return text


def _wrapped(text: Text, width: int, console: Console) -> list[Text]:
    return [Text(" ").append_text(line) for line in wrapped(text, max(10, width - 2), console)]
