"""Decides how a kohya dataset file becomes subsets, a bucket rule and notes on what has no place here (S049)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curator.contract.buckets import BucketRule, CropMode, Resample, advice_on, checked
from curator.contract.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.text import decoded, visible
from curator.interop.folders import absolute, pictures_in
from curator.interop.kohya_captions import caption_files
from curator.interop.kohya_json import kohya_json_source
from curator.interop.kohya_keys import KEYS, NOT_CARRIED, check, nearest_value, tables
from curator.interop.plan import Ignored, ImportPlan, PlannedSubset
from curator.interop.records import Record, Source

_RESAMPLES: dict[str, Resample] = {
    "auto": "auto", "area": "area", "lanczos": "lanczos", "bicubic": "bicubic", "cubic": "bicubic",
    "bilinear": "bilinear", "linear": "bilinear", "nearest": "nearest",
}  # fmt: skip


@dataclass
class _Found:
    """What is gathered while the file is walked."""

    home: Path
    subsets: list[PlannedSubset] = field(default_factory=list[PlannedSubset])
    ignored: list[Ignored] = field(default_factory=list[Ignored])
    notes: dict[str, None] = field(default_factory=dict[str, None])
    sources: list[Source] = field(default_factory=list[Source])
    rule: BucketRule | None = None

    def note(self, text: str) -> None:
        self.notes[text] = None


def plan_kohya_toml(file: Path) -> ImportPlan:
    """What a dataset file asks for; folders are looked for from here and beside the file.

    Raises:
        UserError: no TOML (or JSON), an unknown key, a wrong type, a missing folder.
    """
    config = _read(file)
    general = check(config.get("general", {}), "general", "[general]")
    found = _Found(absolute(file.parent))
    for name in config:
        if name not in ("general", "datasets"):
            raise UserError(
                f"the file has the unknown table '{visible(str(name))}'", "known: general, datasets"
            )
    for number, table in enumerate(tables(config, "datasets", "the file")):
        where = f"datasets[{number}]"
        dataset = check(table, "dataset", where, "subsets")
        _dataset(dataset, general, where, found)
    folders = tuple(dict.fromkeys(each.folder for each in found.subsets))
    if len(folders) < len(found.subsets):
        found.note("several subsets have the same folder: a picture stays in the first that takes it")
    return ImportPlan(
        "kohya-toml", folders, _numbered(found.subsets), tuple(found.ignored), tuple(found.notes), found.rule,
        tuple(found.sources),
    )  # fmt: skip


def _read(file: Path) -> Mapping[str, Any]:
    try:
        text = decoded(file.read_bytes())[0]
        config = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UserError(
            f"{visible(str(file))} cannot be read: {error.strerror}", "give a dataset file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{visible(str(file))}: {visible(str(error))}", "mend the file") from error
    if not isinstance(config, dict):
        raise UserError(f"{visible(str(file))} holds no tables", "give a dataset file")
    return config


def _dataset(dataset: Mapping[str, Any], general: Mapping[str, Any], where: str, found: _Found) -> None:
    _take_rule(dataset, general, where, found)
    batch = nearest_value("batch_size", dataset, general)
    if batch != 1:
        found.note(f"batch_size belongs to the recipe: batch.size = {batch}")
    seen: set[str] = set()
    methods: set[bool] = set()
    for number, table in enumerate(tables(dataset, "subsets", where)):
        place = f"{where}.subsets[{number}]"
        subset = check(table, "subset", place)
        methods.add("metadata_file" in subset)
        if len(methods) > 1:
            raise UserError(f"{where} mixes metadata_file with plain folders", "put them into two datasets")
        _subset(_Levels(subset, dataset, general), place, seen, found)


@dataclass(frozen=True)
class _Levels:
    """The three tables a subset's values come from."""

    subset: Mapping[str, Any]
    dataset: Mapping[str, Any]
    general: Mapping[str, Any]

    def get(self, name: str) -> Any:
        return nearest_value(name, self.subset, self.dataset, self.general)


def _subset(levels: _Levels, place: str, seen: set[str], found: _Found) -> None:
    named = levels.subset.get("image_dir")
    metadata = levels.subset.get("metadata_file")
    if named is None:
        raise UserError(f"{place} has no image_dir", "name the folder of its pictures")
    same = str(metadata or named)
    if same in seen:
        found.ignored.append(Ignored(same, f"{place} names what an earlier subset of its dataset has"))
        return
    seen.add(same)
    folder = _located(str(named), f"{place}.image_dir", found)
    repeats = int(levels.get("num_repeats"))
    if repeats < 1:
        found.ignored.append(
            Ignored(str(folder), f"{place}: its repeats are {repeats}; 1 or more are trained")
        )
        return
    for name in NOT_CARRIED:
        if levels.get(name) not in (None, KEYS[name].default, {}, []):
            found.note(f"{name} of {place} has no place here and is left out")
    rows = None
    if metadata is not None:
        file = _located(str(metadata), f"{place}.metadata_file", found)
        rows = kohya_json_source(
            file, folder, levels.get("caption_separator"), lines=levels.get("enable_wildcard")
        )
        found.sources.append(rows)
    images = _named_pictures(rows) if rows else len(pictures_in(folder))
    if not images:
        found.ignored.append(Ignored(str(folder), "it holds no pictures"))
        return
    planned = PlannedSubset(
        visible(folder.name), folder, images, float(repeats), levels.get("class_tokens") or "",
        bool(levels.get("is_reg")),
        flip=bool(levels.get("flip_aug")), rules=_rules(levels, place, found), crop=_crop(levels, place, found),
        mask="alpha" if levels.get("alpha_mask") else "none", rows=rows,
    )  # fmt: skip
    found.subsets.append(planned)
    if rows is None:
        _captions(planned, levels, found)


def _named_pictures(source: Source) -> int:
    """How many of the pictures that rows name are there."""
    return sum(isinstance(row, Record) and Path(row.path).is_file() for row in source.rows())


def _crop(levels: _Levels, place: str, found: _Found) -> CropMode:
    if levels.get("face_crop_aug_range") is not None:
        found.note(
            f"{place} is cut around the faces that file names give; face_crop_aug_range scales nothing here"
        )
        return "face"
    return "random" if levels.get("random_crop") else "center"


def _rules(levels: _Levels, place: str, found: _Found) -> CaptionRules:
    warmup = levels.get("token_warmup_step")
    if 0 < warmup < 1:
        found.note(f"token_warmup_step of {place} is a share of the run: give the subset whole warm-up steps")
        warmup = 0
    if levels.get("caption_separator").strip() != ",":
        found.note(f"caption_separator of {place}: tags are joined by ', ' here")
    return CaptionRules(
        shuffle=levels.get("shuffle_caption"),
        keep_tags=levels.get("keep_tokens"),
        tag_dropout=float(levels.get("caption_tag_dropout_rate")),
        caption_dropout=float(levels.get("caption_dropout_rate")),
        keep_separator=levels.get("keep_tokens_separator"),
        secondary_separator=levels.get("secondary_separator"),
        wildcards=levels.get("enable_wildcard"),
        prefix=levels.get("caption_prefix"),
        suffix=levels.get("caption_suffix"),
        dropout_every_epochs=levels.get("caption_dropout_every_n_epochs"),
        warmup_tags=levels.get("token_warmup_min"),
        warmup_steps=int(warmup),
    )


def _captions(planned: PlannedSubset, levels: _Levels, found: _Found) -> None:
    """Caption files that a scan would not read the way kohya does."""
    ending = "." + str(levels.get("caption_extension")).lstrip(".")
    rules = planned.rules
    is_tags = bool(rules.shuffle or rules.keep_tags or rules.tag_dropout or rules.warmup_steps)
    is_tags = is_tags if ending != ".txt" else True  # a scan reads tags of these
    separator = str(levels.get("caption_separator")) if is_tags else ""
    found.sources.append(caption_files(planned.folder, ending, separator, lines=rules.wildcards))


def _take_rule(dataset: Mapping[str, Any], general: Mapping[str, Any], where: str, found: _Found) -> None:
    resolution = nearest_value("resolution", dataset, general)
    if resolution is None:
        raise UserError(f"{where} has no resolution", "give one, such as resolution = 512")
    sides = [resolution] * 2 if isinstance(resolution, int) else resolution
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise UserError(f"{where}.resolution is {visible(repr(resolution)[:60])}", "give 512 or [768, 512]")
    least, most, step, no_upscale = (
        nearest_value(f"{name}", dataset, general)
        for name in ("min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale")
    )
    if not nearest_value("enable_bucket", dataset, general):
        found.note(f"{where} has no buckets in kohya; here every picture has one")
        least, most = min(least, *sides), max(most, *sides)  # kohya looks at its limits only beside buckets
    resample = _resample(dataset, general, where)
    try:
        rule = checked(BucketRule(sides[0], sides[1], least, most, step, not no_upscale, resample))
    except UserError as error:
        raise UserError(f"{where}: {error.what}", error.hint) from error
    for advice in advice_on(rule):
        found.note(f"{where}: {advice}")
    if found.rule is None:
        found.rule = rule
    elif found.rule != rule:
        found.note(
            f"{where} has another resolution or buckets: a collection has one rule, that of datasets[0]"
        )


def _resample(dataset: Mapping[str, Any], general: Mapping[str, Any], where: str) -> Resample:
    """How pictures are scaled: of a dataset, or of its subsets where these say it."""
    subsets = (each for each in tables(dataset, "subsets", where) if isinstance(each, dict))
    given: set[Any] = {nearest_value("resize_interpolation", each, dataset, general) for each in subsets}
    (name, *others) = sorted(map(str, given - {None})) or ["auto"]
    if others or name not in _RESAMPLES or (None in given and name != "auto"):
        raise UserError(
            f"{where}.resize_interpolation is {visible(', '.join(sorted(map(str, given))))}",
            f"give one for all subsets: {', '.join(_RESAMPLES)}",
        )
    return _RESAMPLES[name]


def _located(name: str, place: str, found: _Found) -> Path:
    for path in (Path(name), found.home / name):
        if path.exists():
            return absolute(path)
    raise UserError(f"{place}: there is no {visible(name)}", "it is looked for from here and beside the file")


def _numbered(subsets: list[PlannedSubset]) -> tuple[PlannedSubset, ...]:
    """Folders of the same name become subsets `cats`, `cats 2`, ..."""
    counts: dict[str, int] = {}
    named: list[PlannedSubset] = []
    for each in subsets:
        counts[each.name] = number = counts.get(each.name, 0) + 1
        named.append(each if number == 1 else replace(each, name=f"{each.name} {number}"))
    return tuple(named)
