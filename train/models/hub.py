"""Models of the Hugging Face hub: the files of one model, and no more of them than are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import list_repo_files, snapshot_download

from curator.contract.base_model.family import read_json
from curator.contract.base_model.folder_files import shards_of, weight_file
from curator.contract.errors import UserError

_ABOUT = ["model_index.json", "*/*.json", "*/merges.txt"]
_HUB_ERRORS = (OSError, ValueError, RuntimeError, KeyError)


def fetch_about(name: str) -> Path:
    """The small files that tell a model's family and sizes, before gigabytes are fetched.

    Raises:
        UserError: there is no such model, or the hub is out of reach.
    """
    return _fetched(name, _ABOUT)


def fetch_weights(name: str, parts: Iterable[str], about: Path) -> Path:
    """The weights of `parts`, each once, beside what `fetch_about` found; from the cache where the hub is away."""
    try:
        names = list_repo_files(name)
    except _HUB_ERRORS:
        names = [path.relative_to(about).as_posix() for path in about.rglob("*") if path.is_file()]
    wanted = []
    for part in parts:
        inside = [each.removeprefix(f"{part}/") for each in names if each.startswith(f"{part}/")]
        if (found := weight_file(inside)) is not None:
            is_index = found.name.endswith(".json")
            files = shards_of(about / part / found.name) if is_index else [found.name]
            wanted += [f"{part}/{file}" for file in files]
    return _fetched(name, [*_ABOUT, *wanted])


def parts_of(about: Path) -> list[str]:
    """The parts a model's index names that have weights of their own and are read."""
    index = read_json(about / "model_index.json")
    return [part for part in ("unet", "vae", "text_encoder", "text_encoder_2") if any(index.get(part) or ())]


def _fetched(name: str, patterns: list[str]) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except _HUB_ERRORS as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"the model at {name} cannot be read: {first[0][:200]}",
            "look at the name and the connection; a folder on this machine needs none",
        ) from error
