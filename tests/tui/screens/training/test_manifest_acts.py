"""Manifests as files, from Freeze: brought in again, and compared with their images."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.progress import silent
from curator.session.session import Session
from tests.tui.conftest import Drive


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_exported_manifest_is_brought_in_again(
    drive: Drive, session: Session, tmp_path: Path, size: tuple[int, int]
) -> None:
    first = session.freezing.write("first")
    session.manifests.export(first.path, tmp_path / "out", "jsonl", silent)
    async with drive(size) as it:
        await it.press("4")
        await it.sees("subsets")
        for name, answer in (("a name/of", ""), ("again", ""), ("again", "y")):
            await it.press("i")
            await it.sees("Bring in a manifest")
            await it.type(str(tmp_path / "out" / "manifest.jsonl"))
            await it.press("tab")
            await it.type(name)
            await it.press("enter")
            if "/" in name:
                await it.sees("cannot name a manifest")
                await it.press("escape")
                continue
            if answer:
                await it.sees("Replace what is there?")
                await it.sees("there is a manifest named again")
                await it.press(answer)
            await it.until(lambda: f"digest {first.digest[:16]}" in it.notices)
            await it.sees("again")
            await it.press("escape")
    assert {each.digest for each in session.freezing.manifests()} == {first.digest}


async def test_files_that_are_not_as_they_were_frozen_are_told(
    drive: Drive, session: Session, pictures: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.png").write_bytes((pictures / "01 cat.png").read_bytes())
    session.images.scan(own)
    session.freezing.write("first")
    async with drive((80, 24)) as it:
        await it.press("4")
        await it.sees("subsets")
        await it.press("v")
        await it.until(lambda: "the digest are as they were frozen" in it.notices)
        (own / "a.png").unlink()
        await it.press("v")
        await it.sees("1 of 7 images not as frozen")
        await it.sees("it is gone")
