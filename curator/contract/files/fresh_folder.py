"""A folder of a name that was free."""

from __future__ import annotations

from pathlib import Path

from curator.contract.errors import UserError

_MOST = 10_000


def fresh_folder(parent: Path, name: str) -> Path:
    """Make a folder below `parent` by that name; a number is added where it is taken.

    Raises:
        OSError: no right or space to make it.
        UserError: there are too many of that name.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, _MOST):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise UserError(f"there are too many folders named {name}", "choose another name")
