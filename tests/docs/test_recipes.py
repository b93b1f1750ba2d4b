from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.recipe.fields import FieldInfo, recipe_fields, toml_value

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def values(info: FieldInfo) -> str:
    if info.choices:
        return ", ".join(f"`{choice}`" for choice in info.choices)
    if info.low is None:
        return ""
    return f"from {info.low:g}" if info.high is None else f"{info.low:g} to {info.high:g}"


@pytest.mark.parametrize("info", recipe_fields().values(), ids=lambda info: info.name)
def test_every_knob_is_documented_as_it_is(info: FieldInfo) -> None:
    line = f"| `{info.name}` | `{toml_value(info.default)}` | {values(info)} | {info.unit} | {info.help} |"
    assert line in PAGE.read_text("utf-8").splitlines()


def test_no_knob_is_documented_that_is_not_there() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert len(lines) == len(recipe_fields())
