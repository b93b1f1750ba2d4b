"""A kohya dataset file as subsets, a bucket rule, and notes on what has no place here (S049)."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curator.contract.buckets import BucketRule, CropMode, Resample, advice_on, checked
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.files.regular_file import TEXT_BYTES, decoded, read_regular
from curator.contract.text import counted, visible
from curator.interop.folders import absolute, need_folder, pictures_in
from curator.interop.kohya.captions import CaptionFiles
from curator.interop.kohya.keys import KEYS, NOT_CARRIED, check, nearest_value, tables
from curator.interop.kohya.metadata import kohya_json_source
from curator.interop.matching.foreseen import on_disk
from curator.interop.plan import Ignored, ImportPlan, PlannedSubset, Record, Source
from curator.scan.headers.header import Unreadable, read_header

_RESAMPLES: dict[str, Resample] = {
    "auto": "auto", "area": "area", "lanczos": "lanczos", "bicubic": "bicubic", "cubic": "bicubic",
    "bilinear": "bilinear", "linear": "bilinear", "nearest": "nearest", "box": "area",
}  # fmt: skip


@dataclass
class _Found:
    """What is gathered while the file is walked; `folders` are those to index in place of a subset's own."""

    home: Path
    subsets: list[PlannedSubset] = field(default_factory=list[PlannedSubset])
    ignored: list[Ignored] = field(default_factory=list[Ignored])
    notes: dict[str, None] = field(default_factory=dict[str, None])
    sources: list[Source] = field(default_factory=list[Source])
    folders: dict[Path, tuple[Path, ...]] = field(default_factory=dict[Path, tuple[Path, ...]])
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
            raise UserError(f"the file has the unknown table '{name}'", "known: general, datasets")
    for number, table in enumerate(tables(config, "datasets", "the file")):
        where = f"datasets[{number}]"
        dataset = check(table, "dataset", where, "subsets")
        _dataset(dataset, general, where, found)
    if not found.subsets:
        first = found.ignored[0]
        raise UserError(f"{file} gives no subset", f"{first.path}: {first.reason}")
    subsets = _numbered(found.subsets)
    _note_shared_folders(subsets, found)
    folders = tuple(
        dict.fromkeys(folder for each in subsets for folder in found.folders.get(each.folder, (each.folder,)))
    )
    return ImportPlan(
        "kohya-toml",
        folders,
        subsets,
        tuple(found.ignored),
        tuple(found.notes),
        found.rule,
        tuple(found.sources),
    )


def _note_shared_folders(subsets: Sequence[PlannedSubset], found: _Found) -> None:
    """One folder in several datasets, such as one for each resolution."""
    first: dict[Path, str] = {}
    for each in subsets:
        taken = first.setdefault(each.folder, each.name)
        if taken != each.name:
            found.note(
                f"several subsets have the same folder: an image stays in the first that takes it, "
                f"so that '{each.name}' has only what '{taken}' leaves"
            )


def _read(file: Path) -> Mapping[str, Any]:
    try:
        text = decoded(read_regular(file, limit_bytes=TEXT_BYTES))[0]
        config = json.loads(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", "give a dataset file") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: {error}", "mend the file") from error
    if not isinstance(config, dict):
        raise UserError(f"{file} holds no tables", "give a dataset file")
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
    if named is None and metadata is None:
        raise UserError(f"{place} has no image_dir", "name the folder of its images")
    same = str(metadata or named)
    if same in seen:
        found.ignored.append(Ignored(same, f"{place} names what an earlier subset of its dataset has"))
        return
    seen.add(same)
    file = _located(str(metadata), f"{place}.metadata_file", found) if metadata is not None else None
    folder = _located(str(named), f"{place}.image_dir", found) if named is not None else None
    repeats = int(levels.get("num_repeats"))
    if repeats < 1:
        found.ignored.append(Ignored(same, f"{place}: its repeats are {repeats}; 1 or more are trained"))
        return
    for name in NOT_CARRIED:
        if levels.get(name) not in (None, KEYS[name].default, {}, []):
            found.note(f"{name} of {place} has no place here and is left out")
    rows = None
    if file:
        rows = kohya_json_source(
            file, folder or file.parent, levels.get("caption_separator"), lines=levels.get("enable_wildcard")
        )
        found.sources.append(rows)
        pictures = _named_pictures(rows, folder or file.parent)
        if folder is None and pictures:
            folder = _common(pictures, found)
    else:
        pictures = pictures_in(need_folder(folder or Path()))
    over = _area(levels.get("skip_image_resolution"), f"{place}.skip_image_resolution")
    pictures = _larger(pictures, over) if over else pictures
    if not pictures or folder is None:
        why = f"it holds no images of more than {over:,} pixels" if over else "it holds no images"
        found.ignored.append(Ignored(str(folder or same), why))
        return
    rules = _rules(levels, place, found)
    planned = PlannedSubset(
        visible(folder.name), folder, len(pictures), float(repeats), levels.get("class_tokens") or "",
        bool(levels.get("is_reg")), flip=bool(levels.get("flip_aug")), rules=replace(rules, text_first=bool(rows)),
        crop=_crop(levels, place, found), mask="alpha" if levels.get("alpha_mask") else "none", rows=rows,
        area_over=over,
    )  # fmt: skip
    found.subsets.append(planned)
    if rows is None:
        _captions(planned, levels, place, found)


def _named_pictures(source: Source, folder: Path) -> list[Path]:
    """Those of the images that rows name which are there, each once."""
    named = (row.path for row in source.rows() if isinstance(row, Record) and row.path)
    found = {path: None for each in named if (path := on_disk(folder, each))}
    return [Path(each) for each in found]


def _common(pictures: Sequence[Path], found: _Found) -> Path:
    """The folder above all of them, of which only their own are indexed."""
    folders = tuple(dict.fromkeys(each.parent for each in pictures))
    common = Path(os.path.commonpath(folders))
    found.folders[common] = folders
    return common


def _area(given: Any, where: str) -> int:
    sides = _sides(given, where) if given else (0, 0)
    return sides[0] * sides[1]


def _larger(pictures: Sequence[Path], area: int) -> list[Path]:
    """Images of more pixels than `area`; one that cannot be read is none."""
    kept: list[Path] = []
    for each in pictures:
        try:
            header = read_header(str(each))
        except Unreadable:
            continue
        if header.width * header.height > area:
            kept.append(each)
    return kept


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


def _captions(planned: PlannedSubset, levels: _Levels, place: str, found: _Found) -> None:
    """Caption files that a scan would not read the way kohya does."""
    ending = "." + str(levels.get("caption_extension")).lstrip(".")
    rules = planned.rules
    moves = bool(rules.shuffle or rules.keep_tags or rules.tag_dropout or rules.warmup_steps)
    files = CaptionFiles(
        planned.folder,
        ending,
        str(levels.get("caption_separator")) if moves or ending == ".txt" else "",
        lines=rules.wildcards,
        apart=moves,
        class_tokens=planned.class_tokens,
    )
    found.sources.append(files.source())
    unasked = files.unasked()
    if unasked:
        instead = "the class tokens" if planned.class_tokens else "no caption"
        they_have = counted(unasked, f"image of {place} has", f"images of {place} have")
        found.note(
            f"{they_have} words in other files than {ending}, the caption_extension:"
            f" as with kohya, {'it is' if unasked == 1 else 'they are'} trained with {instead}"
        )


def _take_rule(dataset: Mapping[str, Any], general: Mapping[str, Any], where: str, found: _Found) -> None:
    resolution = nearest_value("resolution", dataset, general)
    if resolution is None:
        raise UserError(f"{where} has no resolution", "give one, such as resolution = 512")
    sides = _sides(resolution, f"{where}.resolution")
    split = nearest_value("validation_split", dataset, general)
    if not 0 <= split < 1:
        raise UserError(
            f"{where}.validation_split is {split:g}", "give a share from 0 to below 1: 1 trains nothing"
        )
    least, most, step, no_upscale = (
        nearest_value(f"{name}", dataset, general)
        for name in ("min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale")
    )
    if not nearest_value("enable_bucket", dataset, general):
        found.note(f"{where} has no buckets in kohya; here every image has one")
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


def _sides(given: Any, where: str) -> Sequence[int]:
    sides = [given] * 2 if isinstance(given, int) else given
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise UserError(f"{where} is {repr(given)[:60]}", "give 512 or [768, 512]")
    return sides


def _resample(dataset: Mapping[str, Any], general: Mapping[str, Any], where: str) -> Resample:
    """How images are scaled: of a dataset, or of its subsets where these say it."""
    subsets = (each for each in tables(dataset, "subsets", where) if isinstance(each, dict))
    given: set[Any] = {nearest_value("resize_interpolation", each, dataset, general) for each in subsets}
    (name, *others) = sorted(map(str, given - {None})) or ["auto"]
    if others or name not in _RESAMPLES or (None in given and name != "auto"):
        raise UserError(
            f"{where}.resize_interpolation is {', '.join(sorted(map(str, given)))}",
            f"give one for all subsets: {', '.join(_RESAMPLES)}",
        )
    return _RESAMPLES[name]


def _located(name: str, place: str, found: _Found) -> Path:
    """Written on Windows, a relative path has backslashes."""
    for each in (name, name.replace("\\", "/")):
        for path in (Path(each), found.home / each):
            if path.exists():
                return absolute(path)
    raise UserError(f"{place}: there is no {name}", "it is looked for from here and beside the file")


def _numbered(subsets: list[PlannedSubset]) -> tuple[PlannedSubset, ...]:
    """Folders of the same name become subsets `cats`, `cats 2`, ..."""
    counts: dict[str, int] = {}
    named: list[PlannedSubset] = []
    for each in subsets:
        counts[each.name] = number = counts.get(each.name, 0) + 1
        named.append(each if number == 1 else replace(each, name=f"{each.name} {number}"))
    return tuple(named)
