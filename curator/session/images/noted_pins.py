"""Noted pins: what came of a model whose row pins nothing, so that it stays the same from its first use on.

`fetched.json` in the model's folder holds the commit that each repository was at, and the sha256 of each file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file

_FILE = "fetched.json"


@dataclass
class NotedPins:
    """Commits by repository, and hashes by a file's path in the model's folder."""

    commits: dict[str, str] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)


def noted_pins(folder: Path) -> NotedPins:
    """What was noted in a model's folder.

    Raises:
        UserError: it is damaged.
        OSError: it cannot be read.
    """
    file = folder / _FILE
    try:
        return checked(NotedPins, read_object(file))
    except FileNotFoundError:
        return NotedPins()
    except ValueError as error:
        raise UserError(
            f"{file} is damaged: {error}", "remove it, and the model's files; fetch again"
        ) from error


def note_pins(folder: Path, pins: NotedPins) -> None:
    """Keep them.

    Raises:
        OSError: they cannot be written.
    """
    replace_file(folder / _FILE, to_json(asdict(pins), indent=1).encode())
