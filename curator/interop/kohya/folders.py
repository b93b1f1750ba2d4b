"""kohya's training folders: `10_sls frog` is ten repeats of the class tokens `sls frog` (S044).

The number is what stands before the first `_`, read as Python reads an integer; folders without one, or with less
than 1, are left out, as are images deeper down (reference: kohya.md 2.2).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.interop.folders import entries, is_picture, need_folder, pictures_in
from curator.interop.kohya.captions import face_captions
from curator.interop.plan import MOST_REPEATS, Ignored, ImportPlan, PlannedSubset


def plan_kohya_folders(folder: Path, reg: Path | None = None) -> ImportPlan:
    """The subsets of a training folder, and of a folder of regularisation images where one is given.

    Raises:
        UserError: there is none in one of them; the hint names the folder that is meant, if it is near.
    """
    tops = [(need_folder(folder), False)] + ([(need_folder(reg), True)] if reg else [])
    subsets: list[PlannedSubset] = []
    ignored: list[Ignored] = []
    for top, is_reg in tops:
        before = len(subsets)
        for entry in entries(top):
            found = _planned(entry, is_reg)
            if isinstance(found, PlannedSubset):
                subsets.append(found)
                ignored += [Ignored(str(each), "folders are not looked into") for each in _deeper(entry)]
            elif found:
                ignored.append(Ignored(str(entry), found))
        if len(subsets) == before:
            raise UserError(f"no folder in {top} is called as kohya calls them", _hint(top, ignored))
    folders = tuple(each.folder for each in subsets)
    sources = tuple(face_captions(folder) for folder in folders)
    return ImportPlan("kohya-folders", folders, _named_apart(subsets), tuple(ignored), sources=sources)


def _hint(top: Path, ignored: list[Ignored]) -> str:
    """The folder that was meant: the one above, or one of those below."""
    near = [
        top.parent,
        *(each for each in _deeper(top)),
        *(each for one in _deeper(top) for each in _deeper(one)),
    ]
    for each in near:
        if any(isinstance(_planned(entry, False), PlannedSubset) for entry in entries(each)):
            return f"did you mean {visible(str(each))}?"
    if ignored:
        return f"{visible(ignored[0].path)}: {visible(ignored[0].reason)}"
    return "give the folder that holds folders such as 10_name"


def parse_folder_name(name: str) -> tuple[int, str] | str:
    """(repeats, class tokens) of a folder's name, or why it has none."""
    number, _, tokens = name.partition("_")
    try:
        repeats = int(number)
    except ValueError:
        return "its name does not begin with a number and '_'"
    if repeats > MOST_REPEATS:
        return f"its repeats are more than {MOST_REPEATS:,}"
    return (repeats, tokens) if repeats >= 1 else f"its repeats are {repeats}; 1 or more are trained"


def _planned(entry: Path, is_reg: bool) -> PlannedSubset | str:
    if not entry.is_dir():
        return "images belong into a folder such as 10_name" if is_picture(entry.name) else ""
    parsed = parse_folder_name(entry.name)
    if isinstance(parsed, str):
        return parsed
    images = len(pictures_in(entry))
    if not images:
        return "it holds no images"
    return PlannedSubset(visible(entry.name), entry, images, float(parsed[0]), parsed[1], is_reg)


def _deeper(folder: Path) -> list[Path]:
    return [each for each in entries(folder) if each.is_dir()]


def _named_apart(subsets: list[PlannedSubset]) -> tuple[PlannedSubset, ...]:
    """Names of train and regularisation folders may be equal; subsets' may not."""
    train = {each.name for each in subsets if not each.is_reg}
    return tuple(
        replace(each, name=f"reg {each.name}") if each.is_reg and each.name in train else each
        for each in subsets
    )
