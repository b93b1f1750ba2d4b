from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.recipe.fields import FieldInfo, recipe_fields, toml_value
from curator.contract.recipe.optimizer import OPTIMIZERS

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


def test_optimizers_are_documented_as_they_are() -> None:
    """Each with its state, whether it finds its rate, and whether it rests at an average."""
    part = PAGE.read_text("utf-8").partition("## Optimisers")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in part.splitlines()
        if line.startswith("| ")
    ]
    told = {name.strip(): row[1:] for row in rows[1:] for name in row[0].split(",")}
    assert set(told) == set(OPTIMIZERS)
    for name, facts in OPTIMIZERS.items():
        state, finds, rests = told[name]
        assert float(state.partition(",")[0]) == facts.state_bytes, name
        expected = "yes, one for all" if facts.one_rate else "yes" if facts.owns_rate else ""
        assert finds == expected or name == "adafactor"
        assert rests == ("yes" if facts.averages else "")
