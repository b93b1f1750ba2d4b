"""Programs of the user: found in what the environment says, called with what they are to show."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.outside.programs import edited, read_page, view
from tests.tui.conftest import Drive


@pytest.fixture
def app(session: Session, monkeypatch: pytest.MonkeyPatch) -> FriezeApp:
    for name in ("VISUAL", "EDITOR", "DISPLAY", "WAYLAND_DISPLAY", "FRIEZE_VIEWER", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("curator.tui.outside.programs._wait_for_enter", lambda: None)

    @contextmanager
    def suspended(_: object) -> Generator[None]:
        yield

    monkeypatch.setattr("curator.tui.app.FriezeApp.suspend", suspended)
    return FriezeApp(session)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in a folder with a space and a quote, that notes its arguments, one a line."""
    path = tmp_path / "it's my" / "program"
    path.parent.mkdir()
    path.write_text(
        f"""#!/bin/sh\nprintf '%s\\n' "$@" > "{tmp_path}/part" && mv "{tmp_path}/part" "{tmp_path}/given"\n"""
    )
    path.chmod(0o700)
    return path


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "a page.html").write_text("<p>")
    return tmp_path / "a page.html"


@pytest.mark.parametrize(
    ("browser", "given"),
    [
        ("{it}", ["{page}"]),
        ("/nowhere/browser:{it}", ["{page}"]),
        ("'no end:{it}", ["{page}"]),
        (":{it}:/nowhere/browser", ["{page}"]),
        ("{it} -o 'two words'", ["-o", "two words", "{page}"]),
        ("{it} --to=%s -q", ["--to={page}", "-q"]),
    ],
)
def test_a_page_is_opened_as_browser_says(
    app: FriezeApp, program: Path, page: Path, browser: str, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", browser.format(it=shlex.quote(str(program))))
    read_page(app, page)
    address = page.as_uri()
    assert "%20" in address
    said = (page.parent / "given").read_text().splitlines()
    assert said == [word.format(page=address) for word in given]


async def test_a_browser_with_windows_goes_on_beside_the_app(
    drive: Drive, app: FriezeApp, program: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", f"{shlex.quote(str(program))} %s &")
    async with drive() as it:
        read_page(it.app, page)
        await it.until((page.parent / "given").exists)
    assert (page.parent / "given").read_text().splitlines() == [page.as_uri()]


@pytest.mark.parametrize("browser", ["", ":", " ", "/nowhere/one:/nowhere/two", "'", "%s", "&"])
def test_no_browser_is_a_sentence(
    app: FriezeApp, page: Path, browser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", browser)
    with pytest.raises(UserError, match=r"no browser|no program|no command"):
        read_page(app, page)


def test_a_path_with_spaces_and_quotes_is_a_program(
    app: FriezeApp, program: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRIEZE_VIEWER", str(program))
    view(app, page)
    assert (page.parent / "given").read_text() == f"{page}\n"
    monkeypatch.setenv("EDITOR", f"{shlex.quote(str(program))} --wait")
    assert edited(app, "text", "a.txt") == "text"
    assert (page.parent / "given").read_text().startswith("--wait\n")
