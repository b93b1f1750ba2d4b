"""Hashes of a run's base model and VAE as kohya's metadata have them, worked out beside the training.

`ss_sd_model_hash` is the old short one, of 64 KiB behind the first MiB; `ss_new_sd_model_hash` the sha256 of the whole
file. Folders and models of the hub have none. A file is hashed once in a run: its size and time say whether it changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from curator.contract.base_model.file_hashes import legacy_hash
from curator.contract.files.json_data import read_object
from curator.contract.files.whole_files import replace_file

Hashes = Mapping[str, str]


def hashes_beside(cache: Path, model: str, vae: str) -> Callable[[], Hashes]:
    """Start hashing; gives what waits for the keys and values. `cache` keeps them from one start to the next."""
    found: Future[Hashes] = Future()

    def work() -> None:
        try:
            found.set_result(_keys(cache, {"sd_model": model, "vae": vae}))
        except Exception as error:  # noqa: BLE001 (told to whoever asks for the hashes)
            found.set_exception(error)

    Thread(target=work, name="hashes of the model", daemon=True).start()
    return found.result


def _keys(cache: Path, models: Mapping[str, str]) -> Hashes:
    known = _known(cache)
    kept: dict[str, object] = {}
    keys: dict[str, str] = {}
    for name, model in models.items():
        path = Path(model).expanduser()
        if not model or not path.is_file():
            continue
        try:
            about = path.stat()
            stamp = [str(path.resolve()), about.st_size, about.st_mtime_ns]
            entry = known.get(name)
            is_known = isinstance(entry, dict) and entry.get("file") == stamp
            old, new = (entry["old"], entry["new"]) if is_known else _hashed(path)
        except OSError:
            continue  # the model is in memory: that its file is gone stops no run
        kept[name] = {"file": stamp, "old": old, "new": new}
        keys |= {f"ss_{name}_hash": old, f"ss_new_{name}_hash": new}
    if kept != known:
        replace_file(cache, json.dumps(kept).encode())
    return keys


def _known(cache: Path) -> Mapping[str, object]:
    try:
        return read_object(cache)
    except (OSError, ValueError):
        return {}


def _hashed(path: Path) -> tuple[str, str]:
    with path.open("rb") as file:
        whole = hashlib.file_digest(file, "sha256").hexdigest()
        return legacy_hash(file), whole
