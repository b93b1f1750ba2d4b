"""Twins of the chains in `docs/chains`: their steps word for word, with other sizes, counts and paths of data alone.

A chain `docs/chains/NAME.toml` may have a folder beside it, `docs/chains/NAME/`, with recipes, grids and tables. Its
twin in `tests/chains/NAME/` has the same files, and `differences` names all that is not the same in both.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from curator.contract.recipe.toml_file import differences as knobs_apart
from curator.contract.recipe.toml_file import load_recipe

ROOT = Path(__file__).parents[2]
REAL = ROOT / "docs" / "chains"
NAMES = tuple(sorted(path.stem for path in REAL.glob("*.toml")))
Kind = Literal["size", "count", "path"]

# What may differ. A value of a chain, by its name:
VALUES: dict[Kind, set[str]] = {
    "size": {"resolution", "shortest", "longest", "sd2_resolution", "sd2_longest"},
    "count": {
        "wide",
        "base",
        "style",
        "fine",
        "first",
        "second",
        "third",
        "bands",
        "count",
        "denoising",
        "girls",
        "tuned",
        "word",
        "sd2_steps",
    },
    "path": {"images", "dump", "sdxl", "gamma", "beta", "baka", "aurora", "bp", "sd1", "sd2", "vae"},
}
# ... a knob of a recipe:
KNOBS: dict[Kind, set[str]] = {
    "size": {"sample.width", "sample.height"},
    "count": {
        "schedule.warmup_steps",
        "length.*",
        "save.*",
        "sample.steps",
        "sample.every_steps",
        "evaluate.images",
    },
    "path": {"model.path", "model.vae"},
}
# ... a key of any other TOML file, such as a grid:
KEYS: dict[Kind, set[str]] = {
    "size": {"width", "height", "resolution", "min_bucket_reso", "max_bucket_reso"},
    "count": {"steps"},
    "path": {"model"},
}


@dataclass(frozen=True)
class Difference:
    """One place where a chain and its twin are not the same; `kind` None: it may not differ there."""

    where: str
    kind: Kind | None
    real: object
    twin: object


def differences(name: str) -> list[Difference]:
    """All that is not the same in a chain and its twin."""
    real, twin = REAL, ROOT / "tests" / "chains" / name
    found = list(_of_chains(_toml(real / f"{name}.toml"), _toml(twin / f"{name}.toml")))
    sides = [
        {str(path.relative_to(each)) for path in (each / name).rglob("*") if path.is_file()}
        for each in (real, twin)
    ]
    found += [Difference(file, None, file in sides[0], file in sides[1]) for file in sides[0] ^ sides[1]]
    for file in sorted(sides[0] & sides[1]):
        found += _of_files(file, real / file, twin / file)
    return found


def stand_in(name: str, home: Path) -> Path:
    """The twin's files in a folder of their own; gives the chain's."""
    shutil.copytree(ROOT / "tests" / "chains" / name, home, dirs_exist_ok=True)
    return home / f"{name}.toml"


def _of_chains(real: dict[str, Any], twin: dict[str, Any]) -> Iterator[Difference]:
    ours, theirs = real.pop("values"), twin.pop("values")
    if real != twin:
        yield Difference("steps", None, real, twin)
    yield from _of_tables("values", ours, theirs, VALUES)


def _of_files(file: str, real: Path, twin: Path) -> Iterator[Difference]:
    if real.suffix != ".toml":
        if _without_sizes(real) != _without_sizes(twin):
            yield Difference(file, None, real.read_text("utf-8"), twin.read_text("utf-8"))
    elif "extends" in _toml(real):
        for knob, ours, theirs in knobs_apart(load_recipe(real), load_recipe(twin)):
            yield Difference(f"{file}: {knob}", _kind(knob, KNOBS), ours, theirs)
    else:
        yield from _of_tables(file, _flat(_toml(real)), _flat(_toml(twin)), KEYS)


def _without_sizes(file: Path) -> str:
    """The text of a file; of prompts without the sizes and steps of their images."""
    text = file.read_text("utf-8")
    return re.sub(r" --[whs] \d+", "", text) if file.name == "prompts.txt" else text


def _flat(table: Any, place: str = "") -> dict[str, Any]:
    """Tables in tables as one, by dotted names."""
    if isinstance(table, list) and all(isinstance(each, dict) for each in table):
        table = {str(number): each for number, each in enumerate(table)}
    if not isinstance(table, dict):
        return {place: table}
    return {name: value for key, each in table.items()
            for name, value in _flat(each, f"{place}.{key}" if place else key).items()}  # fmt: skip


def _of_tables(
    where: str, real: Mapping[str, Any], twin: Mapping[str, Any], kinds: Mapping[Kind, set[str]]
) -> Iterator[Difference]:
    for key in real.keys() | twin.keys():
        ours, theirs = real.get(key), twin.get(key)
        if ours != theirs:
            yield Difference(
                f"{where}: {key}",
                _kind(key.rpartition(".")[2], kinds) if ours and theirs else None,
                ours,
                theirs,
            )


def _kind(name: str, kinds: Mapping[Kind, set[str]]) -> Kind | None:
    return next(
        (kind for kind, names in kinds.items() if any(fnmatchcase(name, each) for each in names)), None
    )


def _toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))
