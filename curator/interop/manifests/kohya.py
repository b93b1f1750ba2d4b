"""A manifest for kohya's scripts: a dataset file, with folders of images or metadata JSON.

kohya has whole repeats only and one resolution a dataset: repeats are rounded, never below 1, and what is lost is said.
What never moves stands before `|||`, what ends the caption behind the second one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.caption.captions import SEPARATOR, CaptionParts, CaptionRules, with_escaped_tags
from curator.interop.manifests.placed_files import export_folder, place, placed_name, refuse_tars
from curator.interop.manifests.walked import walked

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.progress import Progress

KEEP = "|||"


def write_kohya_folders(
    manifest: Manifest, folder: Path, *, copy: bool, progress: Progress | None = None, replace: bool = False
) -> list[str]:
    """Folders such as `3_cats` with images and `.txt` captions, and `dataset.toml`. Gives what is lost."""
    names = _folder_names(manifest.header.subsets)
    tables = [
        f"image_dir = {_text(str((folder / name).absolute()))}\ncaption_extension = '.txt'" for name in names
    ]
    rules, moves = _rules_of(manifest)
    with export_folder(folder, replace=replace) as home:
        for name in names:
            (home / name).mkdir()
        for row, image in enumerate(walked(manifest, progress)):
            if image.is_held_out:
                continue
            target = home / names[image.subset] / placed_name(row, image)
            place(manifest, image, target, copy=copy)
            target.with_suffix(".txt").write_text(
                f"{_caption(with_escaped_tags(image.parts, rules[image.subset]), moves[image.subset])}\n",
                "utf-8",
                "surrogateescape",
            )
        return _write_dataset(manifest, home, tables)


def write_kohya_json(
    manifest: Manifest, folder: Path, progress: Progress | None = None, *, replace: bool = False
) -> list[str]:
    """One metadata file a subset, images where they are, and `dataset.toml`. Gives what is lost."""
    refuse_tars(manifest)
    names = [f"{name}.json" for name in _folder_names(manifest.header.subsets)]
    root = manifest.header.provenance.roots[0] if manifest.header.provenance.roots else str(folder)
    tables = [
        f"image_dir = {_text(root)}\nmetadata_file = {_text(str((folder / name).absolute()))}"
        for name in names
    ]
    with export_folder(folder, replace=replace) as home:
        _write_metadata(manifest, [home / name for name in names], progress)
        return _write_dataset(manifest, home, tables)


def _write_metadata(manifest: Manifest, places: Sequence[Path], progress: Progress | None) -> None:
    """One object a subset: words and size of each image by its path."""
    with ExitStack() as stack:
        files = [stack.enter_context(place.open("w", encoding="utf-8")) for place in places]
        begun = [False] * len(files)
        rules, moves = _rules_of(manifest)
        for image in walked(manifest, progress):
            if image.is_held_out:
                continue
            file = files[image.subset]
            entry = {
                "tags": _caption(with_escaped_tags(image.parts, rules[image.subset]), moves[image.subset]),
                "image_size": image.size,
            }
            file.write(",\n" if begun[image.subset] else "{\n")
            file.write(f"{json.dumps(str(manifest.file_of(image)))}: {json.dumps(entry)}")
            begun[image.subset] = True
        for file, has_rows in zip(files, begun, strict=True):
            file.write("\n}\n" if has_rows else "{}\n")


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


def _write_dataset(manifest: Manifest, home: Path, tables: Sequence[str]) -> list[str]:
    rule, notes = manifest.header.rule, _left_out(manifest)
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
        notes += _lost(subset)
    (home / "dataset.toml").write_text("\n".join([*lines, ""]), "utf-8", "surrogateescape")
    return notes


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
    kept = ("".join(c if c.isalnum() or c in " .-" else "-" for c in each.name) for each in subsets)
    return [
        f"{_whole(each.repeats)}_{name}" if not taken else f"{_whole(each.repeats)}_{name}-{number}"
        for number, (each, name, taken) in enumerate(_with_taken(subsets, list(kept)))
    ]


def _with_taken(
    subsets: Sequence[ManifestSubset], names: list[str]
) -> list[tuple[ManifestSubset, str, bool]]:
    return [
        (each, name, name in names[:at]) for at, (each, name) in enumerate(zip(subsets, names, strict=True))
    ]


def _text(value: object) -> str:
    """A value as TOML; JSON's strings are TOML's."""
    return json.dumps(value)
