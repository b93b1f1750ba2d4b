"""Foreign text in Markdown and YAML: shown as it is, never obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from curator.contract.text import visible

_SIGNS = re.compile(r"([\\`*_\[\]<>|#~!])")


def plain(text: str) -> str:
    """One line of text in which no sign means anything."""
    return _SIGNS.sub(lambda found: "&lt;" if found[1] == "<" else f"\\{found[1]}", visible(text))


def paragraphs(text: str) -> str:
    """Text of several lines, each as `plain` has it."""
    return "\n".join(plain(line.rstrip()) for line in text.strip().splitlines())


def code(text: str) -> str:
    """A span of code, whatever backticks are in it."""
    shown = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}".replace("|", "\\|")


def fenced(text: str, language: str) -> str:
    """A block of lines that are ours alone, such as a recipe."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def quoted(text: str) -> str:
    """A string of YAML on one line."""
    return json.dumps(visible(text), ensure_ascii=False)
