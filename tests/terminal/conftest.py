"""A collection of images that differ, and the app on it in a terminal that answers as a brand does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from PIL import Image

from curator.session.session import Session
from tests.terminal.fake_terminal import FakeTerminal
from tests.terminal.screen import Brand

COLOURS = ((200, 40, 40), (40, 160, 40), (40, 60, 220), (220, 200, 60))


class Opened(Protocol):
    def __call__(self, brand: Brand, *words: str, code: str = ..., **options: object) -> FakeTerminal: ...


def image(number: int) -> Image.Image:
    """Of one colour, darker to the right and at the foot, so that a picture shown askew is seen."""
    y, x = np.mgrid[0:240, 0:320]
    light = (1 - 0.4 * x / 320 - 0.4 * y / 240)[..., None]
    return Image.fromarray((np.array(COLOURS[number]) * light).astype(np.uint8))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "images").mkdir()
    for number in range(len(COLOURS)):
        image(number).save(folder / "images" / f"{number}.png")
        (folder / "images" / f"{number}.txt").write_text(f"number {number}, animal")
    with Session.create(folder / "set") as session:
        session.images.scan(folder / "images")
        session.memory.keep("crop", False)  # images as they are, without the outline of the crop
    return folder / "set"


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def opened(folder: Path, tmp_path: Path) -> Iterator[Opened]:
    """The app on the collection; `code` is run instead of it, with the same words."""
    terminals: list[FakeTerminal] = []

    def open_(brand: Brand, *words: str, code: str = "", **options: object) -> FakeTerminal:
        program = ["-c", code] if code else ["-m", "curator"]
        env = {"PYTHONPATH": str(Path.cwd()), "XDG_STATE_HOME": str(tmp_path / "state")}
        env |= options.pop("env", {})  # type: ignore[operator]
        command = [sys.executable, *program, str(folder), *words]
        terminals.append(FakeTerminal(command, brand, env=env, **options))  # type: ignore[arg-type]
        return terminals[-1]

    yield open_
    for each in terminals:
        each.close()
