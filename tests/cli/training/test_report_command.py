"""`frieze report`: which run or manifest is meant, where the page goes, and what is told of it (row B20)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curator.contract.run.run_folder import RunFolder
from tests.cli.conftest import Frieze


@pytest.fixture
def home(frozen: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = frozen.parents[1]
    monkeypatch.chdir(folder)
    recipe = frieze("recipe", "show", "sd15-lora").out
    RunFolder.create(folder / "runs", "fox", recipe, frozen, "0" * 64)
    return folder


def test_a_manifest_and_a_run_are_found_by_name(home: Path, frieze: Frieze) -> None:
    done = frieze("report", "set", "--json")
    assert done.code == 0, done.err
    assert (done.json["subject"], done.json["path"], done.json["pictures"]) == (
        "manifest",
        str(home / "set.html"),
        4,
    )
    assert (home / "set.html").stat().st_size == done.json["bytes"]
    done = frieze("report", "fox", "--out", "pages/one.html", "--json")
    assert done.code == 0, done.err
    assert (done.json["subject"], done.json["name"]) == ("run", "fox")
    assert "the manifest is another one now" in (home / "pages/one.html").read_text("utf-8")
    assert frieze("report", home / "manifests/set.manifest", "--out", "file.html").code == 0
    (run,) = (home / "runs").iterdir()
    assert frieze("report", run).code == 0
    assert (home / f"{run.name}.html").is_file()


def test_a_page_is_replaced_only_when_that_is_asked_for(home: Path, frieze: Frieze) -> None:
    (home / "set.html").write_text("mine")
    done = frieze("report", "set")
    assert (done.code, "--replace" in done.err) == (2, True)
    assert (home / "set.html").read_text() == "mine"
    done = frieze("report", "set", "--replace", "--pictures", 1)
    assert done.code == 0
    assert done.out.endswith("MB, 1 picture\n")


def test_a_name_of_both_and_of_neither_is_a_mistake(home: Path, frieze: Frieze) -> None:
    shutil.copy(home / "manifests/set.manifest", home / "manifests/fox.manifest")
    done = frieze("report", "fox")
    assert (done.code, "is a run and a manifest" in done.err) == (2, True)
    for which in done.err.split("hint: write ")[1].strip().split(", or "):
        assert frieze("report", which, "--out", f"{which[-4:]}.html").code == 0, which
    done = frieze("report", "nobody")
    assert (done.code, "no run and no manifest" in done.err) == (2, True)
