"""The Judge screen: two images of a grid side by side, nothing said of how they were made; keys choose the better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.contract.text import visible
from curator.tui.background import user_errors_shown
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.text.own_words import own_error
from curator.tui.widgets.frame.chrome import KeyLine, TooSmall
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from curator.session.training.grids import Comparison, Verdict
    from curator.tui.messages import UserErrorRaised

KEYS = (
    KeyAction("judge.left", "left,h", "choose('left')", "the left image is better", "left"),
    KeyAction("judge.right", "right,l", "choose('right')", "the right image is better", "right"),
    KeyAction("judge.tie", "space,t", "choose('tie')", "both are as good", "tie"),
    KeyAction("judge.skip", "s", "choose('skip')", "no judgement on this pair", "skip"),
    KeyAction("judge.undo", "u,backspace", "undo", "take the last judgement back", "undo"),
    KeyAction("judge.leave", "q,escape", "leave", "stop; judgements are kept", "leave"),
)


class JudgeScreen(ModalScreen[None]):
    """Pairs one after the other; every choice is kept as it is made."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    JudgeScreen { background: $background; align: left top; }
    JudgeScreen Horizontal { height: 1fr; }
    JudgeScreen #gap { width: 2; }
    JudgeScreen > Label { width: 100%; }
    """

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison

    def compose(self) -> ComposeResult:
        yield Label("", id="about", markup=False)
        with Horizontal():
            yield Preview(id="left")
            yield Label("", id="gap")
            yield Preview(id="right")
        yield Label("", id="said", markup=False)
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        comparison, pair = self._comparison, self._comparison.next_pair()
        self.query_one("#left", Preview).show(pair.left_file if pair else None)
        self.query_one("#right", Preview).show(pair.right_file if pair else None)
        if pair:
            what = f"{comparison.done + 1:,} of {comparison.total:,}: {visible(pair.left.image.prompt)}"
        else:
            what = f"all {comparison.total:,} pairs are judged"
        self.query_one("#about", Label).update(Text(f" {what}", "bold", no_wrap=True, overflow="ellipsis"))

    @user_errors_shown
    def action_choose(self, verdict: Verdict) -> None:
        if self._comparison.next_pair():
            self._comparison.choose(verdict)
            self._say({"left": "left", "right": "right", "tie": "tie"}.get(verdict, "skipped"))
            self._show()

    @user_errors_shown
    def action_undo(self) -> None:
        self._say("taken back" if self._comparison.undo() else "nothing to take back")
        self._show()

    def _say(self, what: str) -> None:
        self.query_one("#said", Label).update(Text(f" {what}"))

    def on_user_error_raised(self, message: UserErrorRaised) -> None:
        """There is no line of notes here: a choice that was not kept is told where others are."""
        message.stop()
        self._say("! {}: {}".format(*own_error(message.error)))

    def action_leave(self) -> None:
        self.dismiss()
