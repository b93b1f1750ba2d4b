"""The chains in `docs/chains`: each can be followed, and has a twin that differs in sizes and paths alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curator.chains.chain_file import read_chain
from curator.cli.command_tree import commands
from curator.cli.main import dispatch
from curator.contract.recipe.toml_file import load_recipe
from tests.chains import twins
from tests.chains.twins import NAMES, REAL, differences


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_differs_in_sizes_counts_and_paths_alone(name: str) -> None:
    """S094."""
    found = differences(name)
    assert [each for each in found if each.kind is None] == []
    assert {each.kind for each in found} >= {"size", "path"}


@pytest.mark.parametrize("name", NAMES)
def test_a_chain_is_planned_where_nothing_of_it_is_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data and models are named that are not there; recipes lie beside the chain."""
    shutil.copy(REAL / f"{name}.toml", tmp_path)
    shutil.copytree(REAL / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert dispatch(["chain", f"{name}.toml", "--plan"]) == 0
    out, err = capsys.readouterr()
    steps = read_chain(tmp_path / f"{name}.toml").steps
    assert [line.split("\t")[0] for line in out.splitlines()[-len(steps) :]] == [step.name for step in steps]
    assert "not there yet: " in err
    assert f"{name}/" not in err.partition("not there yet: ")[2].partition(";")[0]


@pytest.mark.parametrize(
    "file",
    sorted(file for file in REAL.rglob("*/*.toml") if "extends" in file.read_text()),
    ids=lambda file: f"{file.parent.name}-{file.stem}",
)
def test_recipes_beside_chains_can_be_followed(file: Path) -> None:
    load_recipe(file)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_a_command_with_options_that_it_has(name: str) -> None:
    """Read as typed, and nothing run: a chain of days must not end at a misspelt option."""
    known = dict(commands())
    for step in read_chain(REAL / f"{name}.toml").steps:
        for words in filter(None, (step.words, step.resume)):
            verb = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
            known[verb].make_context(verb, list(words[len(verb.split()) :]))


def test_what_may_not_differ_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, twin = tmp_path / "docs/chains", tmp_path / "tests/chains/c"
    for home, size, dropout in ((real, 512, 0.1), (twin, 64, 0.2)):
        (home / "c").mkdir(parents=True)
        (home / "c.toml").write_text(
            f"[values]\nresolution = '{size}'\n[[steps]]\nname = 'a'\nrun = 'subset put a x --tag-dropout {dropout}'\n"
        )
        (home / "c" / "r.toml").write_text(
            f"extends = 'sd15-lora'\n[optimizer]\nunet_lr = {dropout / 1000}\n"
        )
        (home / "c" / "g.toml").write_text(f"width = {size}\nseed = {size}\n")
    (real / "c" / "more.txt").write_text("")
    monkeypatch.setattr(twins, "ROOT", tmp_path)
    monkeypatch.setattr(twins, "REAL", real)
    found = {each.where: each.kind for each in differences("c")}
    assert found == {
        "values: resolution": "size", "steps": None, "c/more.txt": None, "c/r.toml: optimizer.unet_lr": None,
        "c/g.toml: width": "size", "c/g.toml: seed": None,
    }  # fmt: skip
