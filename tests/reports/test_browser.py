"""The page in a real browser: read without a script, on a phone and a desk, in dark and light."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from curator.session.reports import report_on_run
from tests.reports.conftest import Home

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
LIMIT_S = 300


def browse(*words: str, profile: Path) -> str:
    assert BROWSER
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
    ]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return done.stdout


def pictured(page: Path, width: int, *words: str) -> Image.Image:
    shot = page.with_name(f"{width}{len(words)}.png")
    browse(
        f"--window-size={width},2400",
        f"--screenshot={shot}",
        *words,
        page.as_uri(),
        profile=page.parent / "profile",
    )
    with Image.open(shot) as image:
        return image.convert("RGB")


def test_a_browser_shows_it_whole(home: Home) -> None:
    """Its policy lets styles and pictures through, and nothing of the foreign text became an element."""
    page = home.folder / "run.html"
    report_on_run(home.run, page, 60)
    seen = browse("--dump-dom", page.as_uri(), profile=home.folder / "profile")
    assert "<script" not in seen
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen
    wide, narrow = pictured(page, 1200), pictured(page, 500)
    assert wide.getpixel((2, 2)) == narrow.getpixel((2, 2)) == (255, 255, 255)
    blue = (0x0A, 0x66, 0xB7)  # of the first curve: styles hold
    assert blue in set(wide.crop((0, 300, 1200, 1400)).getdata())
    assert not_at_the_edge(narrow)


def not_at_the_edge(image: Image.Image) -> bool:
    """On a phone nothing but what scrolls by itself is cut by the right edge: the head of the page."""
    strip = image.crop((image.width - 6, 0, image.width, 700))
    return set(strip.getdata()) == {(255, 255, 255)}


def test_dark_where_the_system_is(home: Home) -> None:
    page = home.folder / "run.html"
    report_on_run(home.run, page, 4)
    dark = pictured(page, 800, "--blink-settings=preferredColorScheme=0")
    assert dark.getpixel((2, 2)) == (0x16, 0x16, 0x16)
