"""Python and its packages: those Frieze stands on, and those of each extra, with what they are for."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import NamedTuple

from curator.doctor.finding import Checked, fault, gap, ok

PART = "packages"
_ITSELF = "frieze"
_FOR = {
    "": "everything",
    "train": "training, samples, merges",
    "tag": "tag models",
    "optimizers": "further optimisers",
    "parquet": "parquet files",
    "cluster": "tag models on many machines",
    "demo": "the demo's photographs",
}
_INSTEAD = {"onnxruntime-gpu": ("onnxruntime",)}  # other builds of the same, of which a machine has one
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*([^;]*)")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_BOUND = re.compile(r"(==|>=|~=|<=|<|>|!=)\s*([0-9][0-9A-Za-z.+]*)")


class Required(NamedTuple):
    """A package that is asked for, by an extra ("" for all), and the bounds of its version."""

    extra: str
    name: str
    bounds: str


def python_checks() -> Iterator[Checked]:
    """The interpreter and what it was built with."""
    where = "in an environment of its own" if sys.prefix != sys.base_prefix else "the system's own"
    yield ok("python", "python", f"{platform.python_version()}, {where}")


def package_checks() -> Iterator[Checked]:
    """A line for each extra: what is installed, and what is missing for what."""
    try:
        known = required(requires(_ITSELF) or [])
    except PackageNotFoundError:
        yield gap(
            PART, _ITSELF, "not installed as a package", "pip install frieze, so that its packages are known"
        )
        return
    yield ok(PART, _ITSELF, version(_ITSELF))
    for extra in _FOR:
        if wanted := [each for each in known if each.extra == extra]:
            yield _extra(extra, wanted)


def required(lines: list[str]) -> list[Required]:
    """The packages that a distribution asks for, without those it asks of itself; of several builds one."""
    found: list[Required] = []
    for line in lines:
        named = _REQUIREMENT.match(line)
        if named is None or named[1] == _ITSELF:
            continue
        extra = _EXTRA.search(line)
        found.append(Required(extra[1] if extra else "", named[1], named[2].strip()))
    builds = {(each.extra, build) for each in found for build in _INSTEAD.get(each.name, ())}
    return [each for each in found if (each.extra, each.name) not in builds]


def _extra(extra: str, wanted: list[Required]) -> Checked:
    there = {each.name: _version(each.name) for each in wanted}
    missing = [name for name, found in there.items() if not found]
    old = [f"{each.name} {there[each.name]} ({each.bounds} is asked for)" for each in wanted
           if there[each.name] and not fits(there[each.name], each.bounds)]  # fmt: skip
    name = extra or "needed"
    purpose = _FOR[extra]
    if not missing and not old:
        return ok(
            PART, name, f"for {purpose}: {', '.join(f'{each} {found}' for each, found in there.items())}"
        )
    said = [f"missing: {', '.join(missing)}"] if missing else []
    said += [f"other versions: {', '.join(old)}"] if old else []
    found = f"{'; '.join(said)}; for {purpose}"
    hint = f"pip install '{_ITSELF}[{extra}]'" if extra else f"pip install {_ITSELF}"
    return gap(PART, name, found, hint) if extra else fault(PART, name, found, hint)


def _version(name: str) -> str:
    for each in (name, *_INSTEAD.get(name, ())):
        try:
            return version(each)
        except PackageNotFoundError:
            continue
    return ""


def fits(found: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `>=1.2`, or `==2.13.0`, which any build of it fits."""
    for sign, bound in _BOUND.findall(bounds):
        mine, other = _numbers(found), _numbers(bound)
        if (sign in (">=", "~=") and mine < other) or (sign == "==" and mine != other):
            return False
        if (
            (sign == "<" and mine >= other)
            or (sign == "<=" and mine > other)
            or (sign == ">" and mine <= other)
        ):
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version, without zeros at the end: 1.2 is 1.2.0."""
    numbers = [int(part) for part in re.findall(r"\d+", re.split(r"[+a-zA-Z]", text)[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
