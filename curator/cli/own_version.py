"""Frieze's own version: that of the source tree it runs from, else that of the installed package."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def own_version() -> str:
    """Such as 0.1.0. A tree that was fetched and not installed says it in its project file; packages alone, nowhere."""
    try:
        project = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]
        if project["name"] == "frieze":
            return str(project["version"])
    except (OSError, ValueError, KeyError):
        pass  # installed, beside a file of somebody else's or none
    try:
        return importlib.metadata.version("frieze")
    except importlib.metadata.PackageNotFoundError:
        return "of an unknown version"
