"""File and folder names of a collection and of its runs."""

from __future__ import annotations

from pathlib import Path

INDEX = "frieze.db"
IMPORT_LOCK = f"{INDEX}-import"
MANIFESTS = "manifests"
MANIFEST_SUFFIX = ".manifest"
RUNS = "runs"
PROPOSALS = (
    "proposals"  # jobs of tag models, by date and model, and what was kept of them, by the model's hash
)
CLASS_IMAGES = "class"
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
TRACKERS = "trackers"
MODEL_HASHES = "model-hashes.json"
RAW_WEIGHTS_SUFFIX = "-raw"  # of weights whose moving average has the plain name


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


def runs_folder(collection: Path) -> Path:
    """Where a collection's runs are."""
    return collection / RUNS
