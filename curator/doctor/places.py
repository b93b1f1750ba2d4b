"""Places that are written to: who may write there, how much is free, and what killed programs left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.whole_files import dead_drafts
from curator.contract.locations import (
    INDEX,
    caches_folder,
    has_collection,
    manifests_folder,
    runs_folder,
    state_folder,
)
from curator.contract.text import counted
from curator.doctor.finding import Checked, fault, gap, ok
from curator.index.condition import FORMAT, condition_of
from curator.runs.words import bytes_in_words

_LITTLE, _NOTHING = 10 << 30, 256 << 20  # bytes free: a training saves gigabytes; an edit needs some


def hub_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Where the hub's library keeps models, and the token: as that library finds it."""
    base = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(env.get("HF_HOME") or base / "huggingface").expanduser()


def places_of(collection: Path | None) -> dict[str, Path]:
    """The folders that Frieze writes to, by name."""
    here = collection or Path.cwd()
    own = {"collection": here} if collection else {}
    return own | {
        "manifests": manifests_folder(here),
        "runs": runs_folder(here),
        "caches": caches_folder(here),
        "state of Frieze": state_folder(),
        "models of the hub": hub_folder(),
    }


def permission_checks(collection: Path | None) -> Iterator[Checked]:
    """Whether each of them may be written to, or made."""
    for name, folder in places_of(collection).items():
        there = _existing(folder)
        is_needed = collection is not None and name == "collection"
        if not (os.access(there, os.W_OK | os.X_OK) and there.is_dir()):
            tell = fault if is_needed or name == "runs" else gap
            why = "may not be written to" if there.is_dir() else "is no folder"
            yield tell(
                "permissions", name, f"{there} {why}", "check its owner and rights, or a read-only disk"
            )
        elif there == folder:
            yield ok("permissions", name, f"{folder}: writable")
        else:
            yield ok("permissions", name, f"{folder}: not there yet, and can be made")
    if collection is not None and not os.access(collection / INDEX, os.W_OK):
        yield fault(
            "permissions",
            "index",
            f"{collection / INDEX} may not be written to",
            "check its owner and rights",
        )


def disk_checks(collection: Path | None) -> Iterator[Checked]:
    """How much is free, once for each disk."""
    by_disk: dict[int, tuple[Path, list[str]]] = {}
    for name, folder in places_of(collection).items():
        there = _existing(folder)
        by_disk.setdefault(there.stat().st_dev, (there, []))[1].append(name)
    for there, names in by_disk.values():
        usage = shutil.disk_usage(there)
        found = f"{bytes_in_words(usage.free)} of {bytes_in_words(usage.total)} free, with {there}"
        name = ", ".join(names)
        if usage.free < _NOTHING:
            yield fault("disk", name, found, "free space: edits and runs stop where it is full")
        elif usage.free < _LITTLE:
            yield gap("disk", name, found, "a training may save gigabytes: 'frieze cache prune' frees some")
        else:
            yield ok("disk", name, found)


def collection_checks(collection: Path | None) -> Iterator[Checked]:
    """The index as it lies there; it is neither changed nor brought up to date."""
    if collection is None or not has_collection(collection):
        yield gap("collection", "index", "no collection here or above", "frieze scan DIR makes one")
        return
    try:
        about = condition_of(collection)
    except UserError as error:
        yield fault("collection", "index", error.what, error.hint)
        return
    if about.format > FORMAT:
        found = f"format {about.format}; this Frieze knows up to {FORMAT}"
        yield fault("collection", "index", found, "update Frieze")
        return
    older = "" if about.format == FORMAT else f", brought up to {FORMAT} when it is opened next"
    yield ok("collection", "index", f"{collection / INDEX}: format {about.format}{older}")
    yield _writers(about.is_written, about.is_imported)
    yield _drafts(collection)


def _writers(is_written: bool, is_imported: bool) -> Checked:
    if is_imported:
        return ok("collection", "locks", "an import is running")
    return ok("collection", "locks", "another program is writing just now" if is_written else "nobody writes")


def _drafts(collection: Path) -> Checked:
    folders = [collection, manifests_folder(collection), runs_folder(collection), caches_folder(collection)]
    dead = [draft for folder in folders if folder.is_dir() for draft in dead_drafts(folder)]
    if not dead:
        return ok("collection", "drafts", "nothing half-written was left behind")
    found = f"{counted(len(dead), 'draft')} of programs that were killed, such as {dead[0]}"
    return gap("collection", "drafts", found, "they go when the next is written there; or remove them")


def token_checks(env: Mapping[str, str] = os.environ) -> Iterator[Checked]:
    """Whether there is a token of the hub. It is not read."""
    if any(env.get(name) for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")):
        yield ok("hub", "token", "there is one, in the environment")
        return
    file = Path(env.get("HF_TOKEN_PATH") or hub_folder(env) / "token").expanduser()
    try:
        is_there = file.stat().st_size > 0
    except OSError:
        is_there = False
    if is_there:
        yield ok("hub", "token", "there is one, stored by 'hf auth login'")
    else:
        yield gap("hub", "token", "none", "only to publish, and for closed models: hf auth login")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above that is there."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
