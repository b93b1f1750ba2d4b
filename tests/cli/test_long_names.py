"""Names that no file can have: a mistake in a sentence, whichever command meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curator.contract.merging.typed import typed_bake, typed_merge

LONG = "x" * 300
COMMANDS = (
    ("scan", LONG), ("import", LONG), ("ls", "-C", LONG), ("manifest", "show", LONG), ("report", LONG),
    ("runs", "show", LONG), ("model", "info", LONG), ("model", "explain", LONG), ("recipe", "check", LONG),
    ("grid", "show", LONG), (LONG,),
)  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0][:9])
def test_it_is_a_mistake_and_no_bug(
    words: tuple[str, ...], frieze: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    done = frieze(*words)
    assert done.code == 2, done.err
    assert "hint: " in done.err
    assert not (tmp_path / "state").exists()


def test_long_numbers_are_numbers() -> None:
    numbers = ",".join(["0.123456789"] * 26)
    assert typed_merge(None, ["a", "b"], {"blocks": numbers}, {}).blocks == numbers
    ratio = "unet=0.8," + ",".join(f"IN{at:02}=0.123456789012345" for at in range(12))
    assert typed_bake("m", [f"a.safetensors@{ratio}"], {}).ratios == (ratio,)
