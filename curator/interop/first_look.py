"""A first look at a folder without an index: images by kind, sidecars, and what other tools left in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.interop.folders import absolute, pictures_in
from curator.interop.kohya.folders import parse_folder_name
from curator.interop.layouts import plan_import
from curator.interop.plan import Ignored, ImportPlan
from curator.scan.find import SUFFIXES
from curator.scan.sidecars.beside import SidecarNames, is_sidecar

_TELL_EVERY_S = 0.2
_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_NAMES_READ = 2_000_000  # of files; in a larger tree what was seen is told as "more than"
_FILE_CHARS = 40  # of a multiply.txt
_SAID = 200  # signs of one layout


@dataclass(frozen=True)
class Offer:
    """Data of another tool that could be taken with the images: where it is, and each sign of it in words."""

    layout: str
    path: Path
    signs: tuple[str, ...]


@dataclass
class FirstLook:
    """What lies below a folder, by names alone. `is_whole` is False where it was too much to look at all of it."""

    kinds: Counter[str] = field(default_factory=Counter[str])
    sidecars: Counter[str] = field(default_factory=Counter[str])
    folders: int = 0
    offers: tuple[Offer, ...] = ()
    is_whole: bool = True

    @property
    def images(self) -> int:
        return self.kinds.total()


Tell = Callable[[FirstLook], None]  # may raise to stop


def first_look(top: Path, tell: Tell | None = None) -> FirstLook:
    """Look at the names below `top`, links followed as a scan follows them; `tell` hears now and then how it stands."""
    look, multiplied, beside = FirstLook(), list[str](), 0
    told, names_read = monotonic(), 0
    for folder, names in _folders(top):
        names_read += len(names)
        images = _counted(look, names)
        if images and "multiply.txt" in names and len(multiplied) < _SAID:
            multiplied.append(_multiplied(top, folder))
        beside += sum(1 for name in names if name.lower().endswith(".json") and name[:-5] in images)
        if tell and monotonic() - told >= _TELL_EVERY_S:
            told = monotonic()
            tell(look)
        if names_read > _NAMES_READ:
            look.is_whole = False
            break
    look.offers = tuple(_offers(absolute(top), multiplied, beside))
    return look


def planned(offers: Sequence[Offer]) -> ImportPlan | None:
    """One plan of all that was taken; of two tools that say repeats of one folder, the first is asked.

    Raises:
        UserError: one of them cannot be read any more.
    """
    whole: ImportPlan | None = None
    for offer in offers:
        plan = plan_import(offer.path, offer.layout)
        whole = plan if whole is None else _joined(whole, plan)
    return whole


def _joined(first: ImportPlan, second: ImportPlan) -> ImportPlan:
    folders, names = ({getattr(each, key) for each in first.subsets} for key in ("folder", "name"))
    again = [each for each in second.subsets if each.folder in folders or each.name in names]
    return replace(
        first,
        layout=f"{first.layout} and {second.layout}",
        folders=(*first.folders, *second.folders),
        subsets=(*first.subsets, *(each for each in second.subsets if each not in again)),
        ignored=(
            *first.ignored,
            *second.ignored,
            *(Ignored(str(each.folder), f"its repeats are those of {first.layout}") for each in again),
        ),
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
        sources=(*first.sources, *second.sources),
    )


def _folders(top: Path) -> Iterator[tuple[str, set[str]]]:
    """Every folder with the names of its files, hidden ones left out; each once, however it is linked."""
    entered: set[tuple[int, int]] = set()
    for folder, inside, names in os.walk(top, followlinks=True):
        try:
            status = Path(folder).stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in entered:
            inside.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield folder, {name for name in names if not name.startswith(".")}


def _counted(look: FirstLook, names: set[str]) -> set[str]:
    """Count what lies in one folder; gives its images."""
    images = {name for name in names if name.lower().endswith(SUFFIXES)}
    if not images:
        return images
    sidecars = SidecarNames()
    for name in names:
        stem, dot, ending = name.rpartition(".")
        if dot and is_sidecar(dot + ending):
            sidecars.add(stem, dot + ending)
    look.folders += 1
    look.kinds.update(_kind(name) for name in images)
    look.sidecars.update(
        "." + suffix.rpartition(".")[2].lower() for name in images for suffix in sidecars.of(name)
    )
    return images


def _kind(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    return "jpeg" if ending in ("jpg", "jpe", "jfif") else ending


def _offers(top: Path, multiplied: list[str], beside: int) -> Iterator[Offer]:
    if kohya := _kohya(top):
        yield Offer("kohya-folders", top, tuple(kohya))
    if multiplied:
        yield Offer("everydream", top, tuple(multiplied))
    if tables := [name for name in _TABLES if (top / name).is_file()]:
        yield Offer("imagefolder", top, tuple(f"{name}: a row for each image" for name in tables))
    if beside:
        yield Offer("gallery-dl", top, (f"{beside:,} .json beside images, of a downloader",))
    for file in sorted(top.glob("*.toml")):
        if _is_dataset_file(file):
            yield Offer("kohya-toml", file, (f"{visible(file.name)}: a dataset file of kohya",))


def _kohya(top: Path) -> list[str]:
    signs: list[str] = []
    for entry in sorted(each for each in top.iterdir() if each.is_dir() and not each.name.startswith(".")):
        parsed = parse_folder_name(entry.name)
        if isinstance(parsed, str) or not pictures_in(entry):
            continue
        signs.append(
            f"{visible(entry.name)}: {parsed[0]:,} {'repeat' if parsed[0] == 1 else 'repeats'} of kohya"
        )
    return signs[:_SAID]


def _multiplied(top: Path, folder: str) -> str:
    file = Path(folder, "multiply.txt")
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            said = opened.read(_FILE_CHARS).strip()
    except OSError as error:
        said = error.strerror or "cannot be read"
    return f"{visible(str(file.relative_to(top)))}: {visible(said)}"


def _is_dataset_file(file: Path) -> bool:
    try:
        plan_import(file, "kohya-toml")
    except UserError:
        return False
    return True
