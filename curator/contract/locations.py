"""File and folder names of a collection and of its runs."""

from __future__ import annotations

import os
from pathlib import Path

INDEX = "frieze.db"
IMPORT_LOCK = f"{INDEX}-import"
MANIFESTS = "manifests"
MANIFEST_SUFFIX = ".manifest"
RUNS = "runs"
PROPOSALS = (
    "proposals"  # jobs of tag models, by date and model, and what was kept of them, by the model's hash
)
CACHES = "caches"  # latents and captions as models encode them, by model
THUMBNAILS = "thumbnails"  # small copies of images by content, for the app's grids
CLASS_IMAGES = "class"
CHAINS = "chains"  # records of chains of commands, by name
DEMO_MARKER = ".frieze-demo"  # in a folder that `frieze demo` may replace
EXPORT_MARKER = ".frieze-export"  # in a folder that `frieze manifest export --replace` may replace
DRAFT_PREFIX = ".frieze-"  # of what is being written and has not got its name yet

# of one run
RUN_INFO = "run.json"
RECIPE = "recipe.toml"
EVENTS = "events.jsonl"
LOG = "log.txt"
RUN_LOCK = "run.lock"
WORKER = "worker.json"
EXIT = "exit.json"
REQUESTS = "requests"
STATE = "state"
SAMPLES = "samples"
OUTPUT = "output"
IMAGE_LOSSES = "losses"  # of every sample trained, a file for each process
TRACKERS = "trackers"
PUBLISH = "publish"  # uploads of its weights, by repository
UPLOAD = "upload.json"
UPLOAD_FILES = "files"
CARD = "README.md"
MODEL_HASHES = "model-hashes.json"
BAD_STEPS = "bad-steps.json"  # left out because their loss or gradient was no number
JUDGEMENT = "judgement.json"  # losses of all saved weights on fixed noise
RAW_WEIGHTS_SUFFIX = "-raw"  # of weights whose moving average has the plain name

# of the queue of runs
QUEUE = "queue"
QUEUED_JOBS = "queue.json"

# of one grid
GRID = "grid.json"
GRID_IMAGES = "cells"
GRID_PAGE = "grid.html"
GRID_CHOICES = "choices.json"  # of the blind comparison


def has_collection(folder: Path) -> bool:
    """Whether `folder` is a collection's."""
    return (folder / INDEX).is_file()


def manifests_folder(collection: Path) -> Path:
    """Where a collection's manifests are."""
    return collection / MANIFESTS


def manifest_file(collection: Path, name: str) -> Path:
    """The manifest of that name, whether it is there or not."""
    return manifests_folder(collection) / f"{name}{MANIFEST_SUFFIX}"


def manifest_files(folder: Path) -> list[Path]:
    """The manifests in a folder of manifests, by name."""
    return sorted(folder.glob(f"*{MANIFEST_SUFFIX}"))


def proposals_folder(collection: Path) -> Path:
    """Where a collection's jobs of tag models and their answers are."""
    return collection / PROPOSALS


def state_folder() -> Path:
    """Where Frieze keeps what is of no use to anybody else: `$XDG_STATE_HOME/frieze`."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "frieze"


def caches_folder(collection: Path) -> Path:
    """Where a collection's caches are, where a recipe says no other place."""
    return collection / CACHES


def thumbnails_folder(collection: Path) -> Path:
    """Where small copies of a collection's images are kept; all of it may be deleted at any time."""
    return collection / THUMBNAILS


def runs_folder(collection: Path) -> Path:
    """Where a collection's runs are."""
    return collection / RUNS
