"""Files of prompts, as sd-scripts has them: lines of text, TOML or JSON."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from curator.contract.errors import UserError
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.prompts.lines import ReadPrompt, line_of, read_data, read_line
from curator.contract.text import visible

SUFFIXES = (".txt", ".toml", ".json")


def names_file(entry: str) -> bool:
    """Whether an entry of a list of prompts names a file of prompts."""
    return entry.lower().endswith(SUFFIXES) and "\n" not in entry


def read_prompts(path: Path) -> list[ReadPrompt]:
    """The prompts of a file, by its suffix; one of another suffix holds lines.

    Raises:
        UserError: it cannot be read, holds no prompt, or one with a value that its option does not take.
    """
    name = visible(path.name)
    try:
        text = read_regular(path, limit_bytes=TEXT_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"there is no file of prompts at {path}", "give one with a prompt a line") from error
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UserError(
            f"the prompts in {path} cannot be read: {why}",
            "give a text file in UTF-8",
        ) from error
    entries = {".toml": _of_toml, ".json": _of_json}.get(path.suffix.lower(), _of_text)
    prompts = list(entries(text, name))
    if not prompts:
        raise UserError(f"{name} holds no prompt", "write one a line; '#' begins a comment")
    return prompts


def lines_of_entries(entries: Sequence[str], folder: Path) -> tuple[str, ...]:
    """A list of prompts, with the lines of files in place of their names; names are relative to `folder`.

    Raises:
        UserError: as `read_prompts`, or a prompt in TOML or JSON that no line can say.
    """
    return tuple(line for entry in entries for line in _lines_of(entry, folder))


def _lines_of(entry: str, folder: Path) -> Sequence[str]:
    if not names_file(entry):
        return (entry,)
    path = folder / Path(entry).expanduser()
    return as_lines(read_prompts(path), visible(path.name))


def as_lines(prompts: Sequence[ReadPrompt], name: str) -> tuple[str, ...]:
    """Lines that give the prompts of the file `name`.

    Raises:
        UserError: no line can say one of them.
    """
    return tuple(line_of(read.given, f"{name}, prompt {number}") for number, read in enumerate(prompts, 1))


def _of_text(text: str, name: str) -> Iterator[ReadPrompt]:
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield read_line(line.strip(), f"{name}, line {number}")


def _of_toml(text: str, name: str) -> Iterator[ReadPrompt]:
    """`[prompt]` with what all share, and a `[[prompt.subset]]` each."""
    try:
        table = tomllib.loads(text).get("prompt")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{name} is no TOML: {error}", "mend the line it names") from error
    subsets = table.get("subset") if isinstance(table, dict) else None
    if not isinstance(subsets, list):
        raise UserError(f"{name} has no [[prompt.subset]]", "write one for each prompt")
    shared = {key: value for key, value in cast("dict[str, Any]", table).items() if key != "subset"}
    for number, subset in enumerate(cast("list[Any]", subsets), 1):
        yield _of_entry(shared | subset if isinstance(subset, dict) else subset, f"{name}, prompt {number}")


def _of_json(text: str, name: str) -> Iterator[ReadPrompt]:
    """A list of lines and objects."""
    try:
        entries: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} is no JSON: {error}", "mend what it names") from error
    if not isinstance(entries, list):
        raise UserError(f"{name} is no list of prompts", 'write [{"prompt": "TEXT"}, ...]')
    for number, entry in enumerate(cast("list[Any]", entries), 1):
        yield _of_entry(entry, f"{name}, prompt {number}")


def _of_entry(entry: Any, where: str) -> ReadPrompt:
    if isinstance(entry, str):
        return read_line(entry.strip(), where)
    if isinstance(entry, dict):
        return read_data(cast("dict[str, Any]", entry), where)
    raise UserError(f"{where} is neither a line nor an object", 'write {"prompt": "TEXT"}')
