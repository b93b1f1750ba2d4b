"""A small real collection, and ways to press keys in the app and to read what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from PIL import Image
from textual.css import stylesheet
from textual.css.model import RuleSet
from textual.css.tokenize import Token
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from curator.contract.buckets import BucketRule
from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.widgets.lists.image_list import ImageList
from curator.tui.widgets.preview import Preview
from curator.tui.widgets.tag_panel import TagPanel
from tests.inside import inside


@pytest.fixture(autouse=True, scope="session")
def _css_is_parsed_once() -> Iterator[None]:
    """A fifth of the time of a short test: each app of a test has the rules of the one before."""
    parse, kept = stylesheet.parse, dict[tuple[object, ...], list[RuleSet]]()

    def parse_once(*where: object, variable_tokens: dict[str, list[Token]], **how: object) -> list[RuleSet]:
        values = tuple((name, *(token.value for token in tokens)) for name, tokens in variable_tokens.items())
        key = (*where, values, *how.items())
        if key not in kept:
            kept[key] = list(parse(*where, variable_tokens=variable_tokens, **how))
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stylesheet, "parse", parse_once)
        yield


PICTURES = {
    "01 cat.png": ((192, 128), "cat, animal, indoors"),
    "02 dog.png": ((128, 192), "dog, animal, outdoors"),
    "03 car.jpg": ((128, 128), "car, vehicle, [red]not markup[/red]"),
    "04 [bold]name.png": ((128, 128), "text"),
    "05 \x1b[31mevil\x1b]0;title\x07.png": ((256, 96), "text, vehicle"),
    "06 blank.png": ((128, 128), ""),
}


class Driven(NamedTuple):
    """The app under a test."""

    app: FriezeApp
    pilot: Pilot[None]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Put text where one types, as a paste does: a key costs Pilot 50 ms."""
        await self.until(lambda: isinstance(self.app.focused, Input))
        self.app.focused.insert_text_at_cursor(text)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; a test never depends on how long it takes."""
        for _ in range(12_000):
            await self.pilot.pause()
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("waited in vain; the screen shows\n" + self.text)

    @property
    def text(self) -> str:
        """The screen as text."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    @property
    def body(self) -> str:
        """The screen as text, without the tabs."""
        return self.text.partition("\n")[2] if self.app.screen.query("TabLine") else self.text

    async def sees(self, text: str) -> None:
        """Wait for a text below the tabs, which tell of other screens; of the tabs themselves for one in brackets."""
        await self.until(lambda: text in (self.text if text.startswith("[") else self.body))

    @property
    def notices(self) -> str:
        return "\n".join(f"{each.title}: {each.message}" for each in self.app.notes)

    @property
    def images(self) -> ImageList:
        return self.app.screen.query_one(ImageList)

    @property
    def tags(self) -> list[str]:
        return [tag.name for tag in self.app.screen.query_one(TagPanel).tags]

    @property
    def preview(self) -> Preview:
        return self.app.screen.query_one(Preview)

    def shown(self, selector: str) -> Widget:
        return self.app.screen.query_one(selector)


class Drive(Protocol):
    def __call__(self, size: tuple[int, int] = ...) -> AbstractAsyncContextManager[Driven]: ...


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for at, (name, (size, tags)) in enumerate(PICTURES.items()):
        Image.new("RGB", size, (40 * at, 200 - 30 * at, 90)).save(folder / name)
        if tags:
            (folder / name).with_suffix(".txt").write_text(tags)
    return folder


@pytest.fixture
def session(tmp_path: Path, pictures: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "set") as session:
        session.images.scan(pictures)
        rule = asdict(BucketRule(128, 128, 64, 256, 64))
        inside(session).settings.put("bucket_rule", rule)  # no edit: a test begins with no history
        yield session


@pytest.fixture
def drive(session: Session) -> Drive:
    @asynccontextmanager
    async def driven(size: tuple[int, int] = (120, 40)) -> AsyncIterator[Driven]:
        app = FriezeApp(session)
        async with app.run_test(size=size) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda: app.screen.is_mounted and app.screen.query("TabLine"))
            if app.screen.query(ImageList):
                await it.until(lambda: it.images.count)
                await it.until(lambda: it.shown("#about").plain)
            yield it

    return driven
