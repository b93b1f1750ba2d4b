"""Groups of a collection's caches: a folder for each model that was asked, and for how it was asked.

`caches/latents-1a2b.../` holds `about.json`, its shards, and in `used-by/` a file for each manifest that was trained
from it, whose time is that of the last use. All an entry depends on beside its own key is in the group's identity.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from curator.contract.cache.shards import Shard, shards_in
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.locations import CACHES, RUNS

Kind = Literal["latents", "captions"]
_ABOUT, _USED_BY = "about.json", "used-by"


@dataclass(frozen=True)
class About:
    """What the entries of a group are: of which kind and model (its name and family), and all they depend on."""

    kind: Kind
    model: str
    family: str
    made_at: float
    identity: dict[str, str]


@dataclass(frozen=True)
class Group:
    """One group of entries, by its folder."""

    folder: Path
    about: About

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def shards(self) -> list[Shard]:
        return shards_in(self.folder)

    @property
    def used_by(self) -> dict[str, float]:
        """The digests of the manifests that were trained from it, and when last, in seconds of the clock."""
        try:
            return {each.name: each.stat().st_mtime for each in (self.folder / _USED_BY).iterdir()
                    if not each.name.startswith(".")}  # fmt: skip
        except OSError:
            return {}

    @property
    def manifests(self) -> list[Path]:
        """The manifests that were trained from it, where they are still there."""
        marks = (self.folder / _USED_BY / digest for digest in self.used_by)
        paths = (Path(mark.read_bytes().decode("utf-8", "surrogateescape").rstrip("\n")) for mark in marks)
        return [path for path in paths if path.is_file()]

    @property
    def last_used(self) -> float:
        return max([self.about.made_at, *self.used_by.values()])

    def mark_used(self, digest: str, manifest: str) -> None:
        """A run of the manifest with this digest reads from it now; raises `OSError`."""
        mark = self.folder / _USED_BY / digest
        mark.parent.mkdir(exist_ok=True)
        replace_file(mark, f"{manifest}\n".encode("utf-8", "surrogateescape"))


def caches_of_run(run: Path) -> Path:
    """Where the caches of a run's collection lie: beside the folder of runs that it is in."""
    place = run.absolute()
    runs = next((parent for parent in place.parents if parent.name == RUNS), place.parent)
    return runs.parent / CACHES


def made_group(caches: Path, kind: Kind, model: tuple[str, str], identity: Mapping[str, str]) -> Group:
    """The group of this identity, made where there is none, for a model of this name and family; raises `OSError`."""
    told = json.dumps(dict(sorted(identity.items())), ensure_ascii=True)
    folder = caches / f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    known = group_at(folder)
    if known is not None:
        return known
    about = About(kind, *model, time.time(), dict(identity))
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _ABOUT, to_json(asdict(about)).encode())
    return Group(folder, about)


def group_at(folder: Path) -> Group | None:
    """The group in a folder; None where there is none, or what it says of itself is damaged."""
    try:
        return Group(folder, checked(About, read_object(folder / _ABOUT)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def groups_in(caches: Path) -> list[Group]:
    """The groups of a collection, by name."""
    try:
        folders = sorted(each for each in caches.iterdir() if each.is_dir())
    except OSError:
        return []
    return [group for folder in folders if (group := group_at(folder)) is not None]


def bytes_in(folder: Path) -> int:
    """What all files below a folder take."""
    return sum(_size(Path(home) / name) for home, _, names in os.walk(folder) for name in names)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
