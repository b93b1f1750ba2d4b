"""Layouts of other tools' data that can be imported: how each is called, and which one a path looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from curator.contract.errors import UserError, did_you_mean
from curator.interop.balance import balance_sentence
from curator.interop.dumps.booru import plan_booru
from curator.interop.dumps.gallery_dl import plan_gallery_dl
from curator.interop.dumps.imagefolder import plan_imagefolder
from curator.interop.everydream import plan_everydream
from curator.interop.folders import entries
from curator.interop.kohya.dataset_file import plan_kohya_toml
from curator.interop.kohya.folders import parse_folder_name, plan_kohya_folders
from curator.interop.kohya.metadata import plan_kohya_json
from curator.interop.plan import MOST_REPEATS, Ignored, ImportPlan
from curator.interop.scores import plan_scores

LAYOUTS = {
    "kohya-folders": "folders such as '10_sls frog'",
    "kohya-toml": "a dataset file with [[datasets]] and [[datasets.subsets]]",
    "kohya-json": "metadata, .json or .jsonl, with captions and tags by image",
    "everydream": "folders with multiply.txt (version 2)",
    "everydream1": "the same as EveryDream 1 reads it: whole numbers only",
    "booru": "a dump of posts: .jsonl, .json, SQLite or .parquet",
    "gallery-dl": "images with picture.jpg.json beside them",
    "imagefolder": "a folder with metadata.csv, .jsonl or .parquet",
    "scores": "a table of numbers by image, .csv, .jsonl or .json, for score(NAME)",
}
_DUMPS = (".db", ".sqlite", ".sqlite3", ".parquet")


def plan_import(
    path: Path, layout: str = "auto", *, reg: Path | None = None, images: Path | None = None
) -> ImportPlan:
    """What importing `path` would do; nothing is written.

    Raises:
        UserError: nothing there, an unknown layout, an option the layout does not take, or a broken file.
    """
    if not path.exists():
        raise UserError(f"there is nothing at {path}", "give a folder or a file")
    chosen = detected(path) if layout == "auto" else layout
    if chosen not in LAYOUTS:
        raise UserError(f"there is no layout '{chosen}'", did_you_mean(chosen, LAYOUTS))
    if reg and chosen != "kohya-folders":
        raise UserError(f"--reg means nothing for {chosen}", "it is for kohya-folders")
    if images and chosen not in ("kohya-json", "scores"):
        raise UserError(f"--images means nothing for {chosen}", "it is for kohya-json and scores")
    plan = _without_excess(_planned(path, chosen, reg, images))
    sentence = balance_sentence(plan.subsets)
    if not sentence:
        return plan
    return replace(plan, notes=(*plan.notes, sentence))


def _without_excess(plan: ImportPlan) -> ImportPlan:
    """Repeats nobody means are left out and named."""
    over = [each for each in plan.subsets if each.repeats > MOST_REPEATS]
    if not over:
        return plan
    reason = f"more than {MOST_REPEATS:,} are not taken"
    named = (Ignored(str(each.folder), f"its repeats are {each.repeats:g}: {reason}") for each in over)
    kept = tuple(each for each in plan.subsets if each not in over)
    return replace(plan, subsets=kept, ignored=(*plan.ignored, *named))


def detected(path: Path) -> str:
    """The layout that `path` looks like.

    Raises:
        UserError: it may be several.
    """
    if path.is_file():
        if path.suffix.lower() == ".toml":
            return "kohya-toml"
        if path.suffix.lower() in _DUMPS:
            return "booru"
    else:
        names = {each.name.lower() for each in entries(path)}
        if names & {"metadata.csv", "metadata.jsonl", "metadata.parquet"}:
            return "imagefolder"
        if any(path.rglob("multiply.txt")):
            return "everydream"
        if any(each.is_dir() and not isinstance(parse_folder_name(each.name), str) for each in entries(path)):
            return "kohya-folders"
    raise UserError(f"{path} may be several things", f"say which with --layout: {', '.join(LAYOUTS)}")


def _planned(path: Path, layout: str, reg: Path | None, images: Path | None) -> ImportPlan:
    match layout:
        case "kohya-folders":
            return plan_kohya_folders(path, reg)
        case "kohya-toml":
            return plan_kohya_toml(path)
        case "kohya-json":
            return plan_kohya_json(path, images)
        case "everydream" | "everydream1":
            return plan_everydream(path, 2 if layout == "everydream" else 1)
        case "booru":
            return plan_booru(path)
        case "scores":
            return plan_scores(path, images)
        case "gallery-dl":
            return plan_gallery_dl(path)
        case _:
            return plan_imagefolder(path)
