"""Caches: listed with their sizes, verified, and pruned after a look at what that would free."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curator.contract.cache.groups import Group
from curator.contract.cache.records import records_of
from curator.session.session import Session
from tests.caches import write_cache
from tests.tui.conftest import Drive


@pytest.fixture
def manifest(session: Session) -> Path:
    return session.freezing.write("first").path


@pytest.fixture
def group(session: Session, manifest: Path) -> Group:
    return write_cache(session.folder, manifest)


def damage(group: Group) -> None:
    (shard,) = group.shards
    first = next(filter(None, records_of(shard.index)))
    data = bytearray(shard.data.read_bytes())
    data[first.offset + 100] ^= 1
    shard.data.write_bytes(data)


async def test_a_cache_of_a_time_that_no_calendar_has_is_shown(drive: Drive, group: Group) -> None:
    about = group.folder / "about.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "made_at": 1e50}))
    async with drive((120, 40)) as it:
        await it.press("6", "C")
        await it.sees("made no known time")
        await it.sees("used no known time")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_is_damaged_is_found_and_removed_alone(
    drive: Drive, session: Session, group: Group, size: tuple[int, int]
) -> None:
    async with drive(size) as it:
        await it.press("6", "C")
        await it.sees("1 cache, ")
        await it.sees("a/model")
        await it.sees("12 entries of latents")
        await it.sees("used by first")
        await it.press("v")
        await it.until(lambda: "12 entries are sound" in it.notices)
        damage(group)
        await it.press("v")
        await it.until(lambda: "1 entry is damaged, of 12" in it.notices)
        await it.sees("1 entry is damaged, and never used")
        await it.press("p")
        await it.sees("Prune the caches")
        await it.press("tab", "tab", "tab", *"inf", "enter")
        await it.sees("inf is more than there can be")
        await it.press("ctrl+u", "shift+tab", "shift+tab", "shift+tab")
        await it.press("ctrl+u", *"no", "enter")
        await it.sees("Remove 1 entry, ")
        assert sum(each.entries for each in session.caches.all()) == 12
        await it.press("y")
        await it.until(lambda: "1 entry, " in it.notices)
        await it.sees("11 entries of latents")
        await it.press("p", "enter")
        await it.until(lambda: "Nothing to remove." in it.notices)
        await it.press("escape")
        await it.sees("no run yet")


async def test_what_no_manifest_needs_goes_and_nothing_before_it_is_asked(
    drive: Drive, session: Session, manifest: Path, group: Group, tmp_path: Path
) -> None:
    shutil.move(manifest, tmp_path)
    async with drive((80, 24)) as it:
        await it.press("6", "C")
        await it.sees("1 other manifest")
        await it.press("p", "ctrl+u", *"no", "enter")
        await it.sees("nothing is said of what to remove")
        await it.press("ctrl+u", *"yes", "enter")
        await it.sees("Remove 12 entries, ")
        await it.press("n")
        assert session.caches.all()
        await it.press("p", "enter")
        await it.sees("Remove 12 entries, ")
        await it.press("y")
        await it.sees("cache.latents = disk")
    assert not group.folder.exists()
