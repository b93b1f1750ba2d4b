"""Key bindings: what a key does in one panel, declared beside the panel.

The `KEYS` of a file of `screens` or `widgets` are found by `keymap.py`, where a keys file is laid over them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.binding import Binding, BindingType


class KeyAction(NamedTuple):
    """One thing a key can do in one panel. `footer` is its short name in the footer; empty keeps it out."""

    id: str
    keys: str
    action: str
    what: str
    footer: str = ""

    @property
    def panel(self) -> str:
        return self.id.partition(".")[0]


def bindings(actions: Iterable[KeyAction], *names: str) -> list[BindingType]:
    """The bindings of some actions, or of those of them that are so named or of a panel so named."""
    return [
        Binding(
            each.keys,
            each.action,
            each.footer or each.what,
            show=bool(each.footer),
            id=each.id,
            tooltip=each.what,
        )
        for each in actions
        if not names or each.panel in names or each.id in names
    ]
