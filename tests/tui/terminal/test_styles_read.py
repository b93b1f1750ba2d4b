"""Styles of the app: each is read once while it starts, and again with other colours."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet

from curator.tui.theme import dress
from tests.tui.conftest import Drive


async def test_each_style_is_read_once_until_colours_are_others(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, parse = Counter[tuple[object, ...]](), Stylesheet._parse_rules

    def count(sheet: Stylesheet, css: str, *where: Any, **how: Any) -> Any:
        known = len(sheet._parse_cache)
        found = parse(sheet, css, *where, **how)
        read[css, *how.values()] += len(sheet._parse_cache) > known
        return found

    monkeypatch.setattr(Stylesheet, "_parse_rules", count)
    async with drive((80, 24)) as it:
        await it.sees("cat")
        assert len(read) > 20
        assert max(read.values()) == 1
        dress(it.app, "light")
        await it.until(lambda: max(read.values()) > 1)
