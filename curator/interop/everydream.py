"""EveryDream's folders: `multiply.txt` and its kin, one number a folder (S048).

Version 2: any real number above 0, for this folder only; `global.yaml` holds for all folders below it, then the
folder's `.txt` files, then its `local.yaml`. Version 1: the number is cut to a whole one, and what cannot be read is
1, so 0.5 leaves a folder out (reference: curators_tui.md A5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.files.regular_file import decoded, read_regular
from curator.contract.text import visible
from curator.interop.folders import entries, need_folder, pictures_in, tree
from curator.interop.plan import Ignored, ImportPlan, PlannedSubset
from curator.scan.sidecars.sidecar import MAX_BYTES

_FILES = ("multiply", "flip_p", "cond_dropout", "loss_scale", "shuffle_tags", "batch_id")
_WORDS = (".txt", ".caption", ".json")
Values = dict[str, str]


def plan_everydream(folder: Path, version: Literal[1, 2] = 2) -> ImportPlan:
    """Every folder that holds images, with its numbers.

    Raises:
        UserError: there is none.
    """
    top = need_folder(folder)
    subsets: list[PlannedSubset] = []
    ignored: list[Ignored] = []
    notes: list[str] = []
    for each in tree(top):
        pictures = pictures_in(each)
        images = len(pictures)
        if not images:
            continue
        if not all(any(picture.with_suffix(ending).is_file() for ending in _WORDS) for picture in pictures):
            notes.append(
                "EveryDream takes an image's name as its caption where it has no file of one; not so here"
            )
        if any(
            file.suffix.lower() in (".yaml", ".yml") and file.stem not in ("local", "global")
            for file in entries(each)
        ):
            notes.append("yaml files of single images are not read")
        try:
            found = _planned(top, each, images, version, notes)
        except UserError as error:  # one unreadable number leaves that folder out, and no other
            found = Ignored(str(each), f"{error.what}: {error.hint}")
        if isinstance(found, PlannedSubset):
            subsets.append(found)
        else:
            ignored.append(found)
    if not subsets and not ignored:
        raise UserError(f"there is no image in {top}", "give the folder that holds the folders")
    layout = "everydream" if version == 2 else "everydream1"
    return ImportPlan(layout, (top,), tuple(subsets), tuple(ignored), tuple(dict.fromkeys(notes)))


def _planned(top: Path, folder: Path, images: int, version: int, notes: list[str]) -> PlannedSubset | Ignored:
    values = _values(top, folder) if version == 2 else _text_files(folder, ("multiply",))
    repeats = _whole(values) if version == 1 else _real(values, "multiply", 1.0)
    if repeats <= 0:
        shown = values.get("multiply", "").strip()
        return Ignored(str(folder), f"its multiply is {visible(shown)}: no image would be shown")
    flip = _real(values, "flip_p", 0.0)
    if flip not in (0.0, 0.5):
        notes.append(f"flip_p {flip:g}: images are mirrored with probability 0.5 here")
    if "batch_id" in values:
        notes.append("batch_id: batches are made of buckets alone here")
    rules = CaptionRules(
        shuffle=values.get("shuffle_tags", "").strip().lower() in ("1", "true", "yes"),
        caption_dropout=min(1.0, max(0.0, _real(values, "cond_dropout", 0.0))),
    )
    name = visible(top.name if folder == top else str(folder.relative_to(top)))
    weight = max(0.0, _real(values, "loss_scale", 1.0))
    return PlannedSubset(
        name,
        folder,
        images,
        repeats,
        loss_weight=weight,
        flip=flip > 0,
        rules=rules,
    )


def _values(top: Path, folder: Path) -> Values:
    values: Values = {}
    for each in (top, *(top / part for part in _parents(top, folder))):
        values |= _yaml(each / "global.yaml")
    return values | _text_files(folder, _FILES) | _yaml(folder / "local.yaml")


def _parents(top: Path, folder: Path) -> list[Path]:
    below = folder.relative_to(top)
    return [each for each in reversed([below, *below.parents]) if str(each) != "."]


def _text_files(folder: Path, names: tuple[str, ...]) -> Values:
    return {name: text.strip() for name in names if (text := _text(folder / f"{name}.txt")) is not None}


def _yaml(path: Path) -> Values:
    """The plain `key: value` lines; EveryDream's files hold nothing else."""
    pairs = (line.partition("#")[0].partition(":") for line in (_text(path) or "").splitlines())
    return {key.strip(): value.strip().strip("'\"") for key, colon, value in pairs if colon and key.strip()}


def _text(path: Path) -> str | None:
    try:
        return decoded(read_regular(path, limit_bytes=MAX_BYTES))[0]
    except OSError:
        return None


def _real(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if text is None:
        return default
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError):
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"its {name} is '{text[:40]}', which is no number",
            "write one, such as 2.5",
        )
    return value


def _whole(values: Values) -> float:
    try:
        return float(int(float(values.get("multiply", "1"))))
    except (ValueError, OverflowError):
        return 1.0
