"""Fingerprint of base models, also of those of the hub, to notice another one on resume."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download

from curator.contract.base_model.fingerprint import NamedFiles, fingerprint_of_files, model_files


def fingerprint_of(*models: str) -> str:
    """One digest of the models at these paths or hub names, in this order; an empty name keeps its place."""
    return fingerprint_of_files(map(_files_of, models))


def _files_of(model: str) -> NamedFiles:
    if not model:
        return []
    place = Path(model)
    folder = place if place.exists() else _fetched(model)
    return model_files(folder) if folder else []


def _fetched(model: str) -> Path | None:
    """Where the files of a hub model lie on this machine."""
    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError, RuntimeError, KeyError):
        return None
