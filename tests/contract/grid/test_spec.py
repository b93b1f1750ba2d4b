"""Specs of grids: what has several values is an axis, every mistake names its key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.grid.spec import load_grid, read_grid

BASE = 'model = "m"\n'


def read(text: str, folder: Path = Path()):
    return read_grid(text, "grid.toml", folder)


def test_settings_with_several_values_are_axes_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("a dog --d 4\n# none\na fox\n")
    spec = read(
        BASE + 'adapter = "a"\nratio = [0.5, 1]\nprompt = ["a cat", "more.txt"]\nseed = [1, 2]', tmp_path
    )
    assert [(axis.place, axis.name) for axis in spec.axes] == [
        ("columns", "ratio"), ("rows", "prompt"), ("pages", "seed"),
    ]  # fmt: skip
    assert spec.axes[1].values == ("a cat", "a dog --d 4", "a fox")
    cells = spec.settings()
    assert len(cells) == spec.cells == 12
    assert [at for at, _ in cells[:3]] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    assert cells[1][1] | {"adapter": 0} == {
        "model": "m", "adapter": 0, "ratio": 1.0, "prompt": "a cat", "seed": 1,
    }  # fmt: skip


def test_places_may_be_named_and_adapters_be_several_at_once() -> None:
    spec = read(
        BASE + 'prompt = ["x", "y"]\nadapter = ["", "a@0.5", ["a", "b"]]\nrows = "prompt"\npages = "model"'
    )
    assert [(axis.place, axis.name) for axis in spec.axes] == [
        ("columns", "adapter"), ("rows", "prompt"), ("pages", "model"),
    ]  # fmt: skip
    assert spec.axes[0].values == ((), ("a@0.5",), ("a", "b"))


def test_one_image_is_a_grid() -> None:
    assert read(BASE + 'prompt = "x"').cells == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = ", "grid.toml is no TOML"),
        (BASE, "has no prompt"),
        ('prompt = "x"', "names no model"),
        (BASE + 'prompt = "x"\nseeds = [1]', "no key 'seeds' .did you mean 'seed'"),
        (BASE + 'prompt = "x"\nrun = "r"', "model and run name two models"),
        (BASE + 'prompt = "x"\nstep = 3', "step would have no effect"),
        (BASE + 'prompt = "x"\nratio = 0.5', "ratio would have no effect without an adapter"),
        (BASE + 'prompt = "x"\nadapter = "a"\nratio = [0.5, nan]', "ratio, value 2 is nan .give a number"),
        (BASE + 'prompt = "x"\nseed = -1', "seed is -1"),
        (BASE + 'prompt = "x"\nseed = [1, 1]', "seed has 1 twice"),
        (BASE + 'prompt = "x"\nseed = []', "seed has no value"),
        (BASE + 'prompt = "x"\nsampler = "eulr"', "sampler is 'eulr' .did you mean 'euler'"),
        (BASE + 'prompt = "x"\nwidth = 100', "width is 100 .give a multiple of 8"),
        (BASE + 'prompt = "x"\nsteps = true', "steps is True"),
        (BASE + 'prompt = "x"\ntitle = 3', "title is 3"),
        (BASE + 'prompt = "x"\ncolumns = "sed"', "columns is 'sed'"),
        (BASE + 'prompt = "x"\ncolumns = "prompt"\nrows = "prompt"', "in two places"),
        (BASE + 'prompt = ["x", "y"]\nscale = [1,2]\nsteps = [1,2]\nclip_skip = [1,2]', "4 settings have several"),
        ('run = "r"\nprompt = "x"\nstep = ["all", 3]', "'all' beside others"),
        ('run = "r"\nprompt = "x"\nstep = "first"', "step is 'first'"),
    ],
)  # fmt: skip
def test_mistakes_name_the_key(text: str, said: str) -> None:
    with pytest.raises(UserError, match=r"^grid\.toml") as caught:
        read(text)
    assert re.search(said, str(caught.value))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no grid at"):
        load_grid(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot be read as TOML"):
        load_grid(tmp_path / "bad.toml")
