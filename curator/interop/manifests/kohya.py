"""A manifest for kohya's scripts: a dataset file, with folders of images or metadata JSON.

kohya has whole repeats only and one resolution a dataset: repeats are rounded, never below 1, and what is lost is said.
What never moves stands before `|||`, what ends the caption behind the second one. Images keep their names, but where
two of a folder would have one caption file: those are told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curator.contract.caption.captions import SEPARATOR, CaptionParts, CaptionRules, with_escaped_tags
from curator.contract.text import counted
from curator.interop.manifests.placed_files import export_folder, own_name, place, placed_name, refuse_tars
from curator.interop.manifests.walked import walked

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest, ManifestImage
    from curator.contract.progress import Progress

KEEP = "|||"


@dataclass(frozen=True)
class KohyaFolder:
    """A folder of an export: its name, its images, and the repeats they have in the manifest."""

    name: str
    images: int
    repeats: float


@dataclass(frozen=True)
class KohyaExport:
    """What an export is: its folders, or its metadata files, and what is lost."""

    folders: tuple[KohyaFolder, ...]
    notes: tuple[str, ...]


def planned_kohya(manifest: Manifest, progress: Progress | None = None, *, with_folders: bool) -> KohyaExport:
    """What `write_kohya_folders`, or without folders `write_kohya_json`, would make; nothing is written."""
    names = _Names.of(manifest, progress)
    return _folders(manifest, names) if with_folders else _files(manifest, names.images)


def _folders(manifest: Manifest, names: _Names) -> KohyaExport:
    folders = _of_subsets(manifest, _folder_names(manifest.header.subsets), names.images)
    return KohyaExport(folders, (*_notes(manifest), *names.notes()))


def _files(manifest: Manifest, images: Sequence[int]) -> KohyaExport:
    return KohyaExport(_of_subsets(manifest, _file_names(manifest), images), (*_notes(manifest),))


def _of_subsets(manifest: Manifest, names: Sequence[str], images: Sequence[int]) -> tuple[KohyaFolder, ...]:
    rows = zip(names, images, manifest.header.subsets, strict=True)
    return tuple(KohyaFolder(name, count, each.repeats) for name, count, each in rows)


def _file_names(manifest: Manifest) -> list[str]:
    return [f"{name}.json" for name in _folder_names(manifest.header.subsets)]


def write_kohya_folders(
    manifest: Manifest, folder: Path, *, copy: bool, progress: Progress | None = None, replace: bool = False
) -> KohyaExport:
    """Folders such as `3_cats` with images and `.txt` captions, and `dataset.toml`."""
    names = _folder_names(manifest.header.subsets)
    tables = [
        f"image_dir = {_text(str((folder / name).absolute()))}\ncaption_extension = '.txt'" for name in names
    ]
    rules, moves = _rules_of(manifest)
    of_images = _Names.of(manifest)
    with export_folder(folder, replace=replace) as home:
        for name in names:
            (home / name).mkdir()
        for row, image in enumerate(walked(manifest, progress)):
            if image.is_held_out:
                continue
            target = home / names[image.subset] / of_images.name(row, image)
            place(manifest, image, target, copy=copy)
            target.with_suffix(".txt").write_text(
                f"{_caption(with_escaped_tags(image.parts, rules[image.subset]), moves[image.subset])}\n",
                "utf-8",
                "surrogateescape",
            )
        _write_dataset(manifest, home, tables)
    return _folders(manifest, of_images)


def write_kohya_json(
    manifest: Manifest, folder: Path, progress: Progress | None = None, *, replace: bool = False
) -> KohyaExport:
    """One metadata file a subset, images where they are, and `dataset.toml`."""
    refuse_tars(manifest)
    names = _file_names(manifest)
    root = manifest.header.provenance.roots[0] if manifest.header.provenance.roots else str(folder)
    tables = [
        f"image_dir = {_text(root)}\nmetadata_file = {_text(str((folder / name).absolute()))}"
        for name in names
    ]
    with export_folder(folder, replace=replace) as home:
        images = _write_metadata(manifest, [home / name for name in names], progress)
        _write_dataset(manifest, home, tables)
    return _files(manifest, images)


@dataclass(frozen=True)
class _Names:
    """Names of images in their folders: their own, unless two of a folder share a stem, and so a caption file."""

    images: list[int]  # of each subset
    clashing: frozenset[int]  # keys of stems

    @classmethod
    def of(cls, manifest: Manifest, progress: Progress | None = None) -> _Names:
        images = [0] * len(manifest.header.subsets)
        keys = np.zeros(len(manifest), np.int64)
        for row, image in enumerate(walked(manifest, progress)):
            if not image.is_held_out:
                images[image.subset] += 1
                keys[row] = _stem_key(image)
        known, counts = np.unique(keys[keys != 0], return_counts=True)
        return cls(images, frozenset(known[counts > 1].tolist()))

    def name(self, row: int, image: ManifestImage) -> str:
        """With its row before it where it would clash, or looks as if it had one."""
        name = own_name(image)
        looks_numbered = name[:7].isdecimal() and name[7:8] == "-"
        return placed_name(row, image) if looks_numbered or _stem_key(image) in self.clashing else name

    def notes(self) -> list[str]:
        if not self.clashing:
            return []
        names = counted(len(self.clashing), "name is", "names are")
        return [f"{names} of several images of a folder: the image's row stands before each"]


def _stem_key(image: ManifestImage) -> int:
    """Of an image's folder and stem, never 0; file systems may not tell capitals apart."""
    return hash((image.subset, own_name(image).rpartition(".")[0].casefold())) or 1


def _notes(manifest: Manifest) -> list[str]:
    """What kohya's form cannot hold."""
    subsets = manifest.header.subsets
    names = list(map(_kept, (each.name for each in subsets)))
    doubled = sorted({name for name in names if names.count(name) > 1})
    return [
        *_left_out(manifest),
        *(note for each in subsets for note in _lost(each)),
        *(f"several subsets become {name}: their numbers stand behind it" for name in doubled),
    ]


def _write_metadata(manifest: Manifest, places: Sequence[Path], progress: Progress | None) -> list[int]:
    """One object a subset: words and size of each image by its path. Gives how many images each has."""
    with ExitStack() as stack:
        files = [stack.enter_context(place.open("w", encoding="utf-8")) for place in places]
        counts = [0] * len(files)
        rules, moves = _rules_of(manifest)
        for image in walked(manifest, progress):
            if image.is_held_out:
                continue
            file = files[image.subset]
            entry = {
                "tags": _caption(with_escaped_tags(image.parts, rules[image.subset]), moves[image.subset]),
                "image_size": image.size,
            }
            file.write(",\n" if counts[image.subset] else "{\n")
            file.write(f"{json.dumps(str(manifest.file_of(image)))}: {json.dumps(entry)}")
            counts[image.subset] += 1
        for file, count in zip(files, counts, strict=True):
            file.write("\n}\n" if count else "{}\n")
    return counts


def _rules_of(manifest: Manifest) -> tuple[list[CaptionRules], list[bool]]:
    """The caption rules of each subset, and whether anything moves in it."""
    subsets = manifest.header.subsets
    return [each.rules for each in subsets], [_moves(each) for each in subsets]


def _moves(subset: ManifestSubset) -> bool:
    """Whether anything moves: only then does kohya look for the signs, and else it would train them."""
    return bool(subset.rules.shuffle or subset.rules.tag_dropout or subset.rules.warmup_steps)


def _caption(parts: CaptionParts, moves: bool) -> str:
    """All words on one line; signs that keep head and tail only where there is one, and where tags move."""
    tail = [*parts.tail, *([" ".join(parts.text.split())] if parts.text else [])]
    groups = [SEPARATOR.join(parts.head), SEPARATOR.join(parts.middle), SEPARATOR.join(tail)]
    if not moves or not (parts.head or tail):
        return SEPARATOR.join(group for group in groups if group)
    return f" {KEEP} ".join(groups[: 3 if tail else 2]).strip()


def _write_dataset(manifest: Manifest, home: Path, tables: Sequence[str]) -> None:
    rule = manifest.header.rule
    lines = [
        "[[datasets]]",
        f"resolution = [{rule.width}, {rule.height}]",
        "enable_bucket = true",
        f"min_bucket_reso = {rule.min_side}",
        f"max_bucket_reso = {rule.max_side}",
        f"bucket_reso_steps = {rule.step}",
        f"bucket_no_upscale = {_text(not rule.upscale)}",
        *([f"resize_interpolation = {_text(rule.resample)}"] if rule.resample != "auto" else []),
    ]
    for subset, table in zip(manifest.header.subsets, tables, strict=True):
        lines += ["", "[[datasets.subsets]]", table, *_subset_lines(subset)]
    (home / "dataset.toml").write_text("\n".join([*lines, ""]), "utf-8", "surrogateescape")


def _subset_lines(subset: ManifestSubset) -> list[str]:
    rules = subset.rules
    values: dict[str, object] = {
        "num_repeats": _whole(subset.repeats),
        "flip_aug": subset.flip,
        "shuffle_caption": rules.shuffle,
        "keep_tokens_separator": KEEP,
        "secondary_separator": rules.secondary_separator,
        "enable_wildcard": rules.wildcards,
        "caption_prefix": rules.prefix,
        "caption_suffix": rules.suffix,
        "caption_dropout_rate": rules.caption_dropout,
        "caption_dropout_every_n_epochs": rules.dropout_every_epochs,
        "caption_tag_dropout_rate": rules.tag_dropout,
    }
    values |= {
        "is_reg": subset.is_reg,
        "random_crop": subset.crop == "random",
        "alpha_mask": subset.mask == "alpha",
    }
    if rules.warmup_steps:
        values |= {"token_warmup_min": rules.warmup_tags, "token_warmup_step": rules.warmup_steps}
    return [f"{name} = {_text(value)}" for name, value in values.items() if value not in ("", 0.0, False)]


def _left_out(manifest: Manifest) -> list[str]:
    count = len(manifest.held_out)
    return [f"{count:,} images held out for validation are left out: kohya draws its own"] if count else []


def _lost(subset: ManifestSubset) -> list[str]:
    lost: list[str] = []
    if subset.repeats != _whole(subset.repeats):
        lost.append(f"{subset.name}: repeats {subset.repeats:g} become {_whole(subset.repeats)}")
    if subset.crop == "face":
        lost.append(f"{subset.name}: crops around faces become crops of the middle")
    if subset.mask == "file":
        lost.append(f"{subset.name}: its mask files have no place in kohya's file")
    if subset.is_reg and subset.loss_weight != 1.0:
        lost.append(f"{subset.name}: its loss weight is --prior_loss_weight {subset.loss_weight:g}")
    elif subset.loss_weight != 1.0:
        lost.append(f"{subset.name}: its loss weight {subset.loss_weight:g} has no place in kohya's file")
    return lost


def _whole(repeats: float) -> int:
    return max(1, round(repeats))


def _folder_names(subsets: Sequence[ManifestSubset]) -> list[str]:
    """`3_cats`: repeats and the subset's name, with no sign that a folder cannot have."""
    kept = [_kept(each.name) for each in subsets]
    return [
        f"{_whole(each.repeats)}_{name}" if not taken else f"{_whole(each.repeats)}_{name}-{number}"
        for number, (each, name, taken) in enumerate(_with_taken(subsets, kept))
    ]


def _kept(name: str) -> str:
    return "".join(c if c.isalnum() or c in " .-" else "-" for c in name)


def _with_taken(
    subsets: Sequence[ManifestSubset], names: list[str]
) -> list[tuple[ManifestSubset, str, bool]]:
    return [
        (each, name, name in names[:at]) for at, (each, name) in enumerate(zip(subsets, names, strict=True))
    ]


def _text(value: object) -> str:
    """A value as TOML; JSON's strings are TOML's."""
    return json.dumps(value)
