"""Files that could not be used: seen from the count of Browse and from a finding, read again where they were mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curator.tui.widgets.lists.line_list import LineList


@pytest.fixture
def spoilt(session, tmp_path: Path) -> Path:
    """A file with a name and a content that are no good."""
    path = tmp_path / "more" / "[red]bad\x1b[31m.png"
    path.parent.mkdir()
    path.write_bytes(b"no image")
    session.images.scan(path.parent)
    return path


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_list_opens_from_browse_and_reads_again(drive, session, spoilt, size):
    pictures = len(session.images.select(""))
    async with drive(size) as it:
        await it.sees("Q: 1 unusable")
        await it.press("Q")
        await it.sees("1 file could not be used")
        await it.sees("[red]bad")
        assert "\x1b" not in it.text
        await it.press("r")
        await it.until(lambda: "1 cannot" in it.notices)
        spoilt.unlink()
        Image.new("RGB", (64, 64), "red").save(spoilt)
        await it.press("r")
        await it.sees("every file could be used")
        assert it.app.screen.query_one(LineList).count == 0
        await it.press("escape")
        await it.until(lambda: it.images.count == pictures + 1)
        await it.until(lambda: "unusable" not in it.text)


async def test_the_list_opens_from_a_finding(drive, spoilt):
    async with drive() as it:
        await it.press("4")
        await it.sees("1 file could not be read")
        findings = it.app.screen.report.findings
        place = next(at for at, each in enumerate(findings) if each.of_unusable)
        await it.press(*["j"] * place, "enter")
        await it.sees("1 file could not be used")
        await it.press("escape")
        await it.sees("[4 Freeze]")
