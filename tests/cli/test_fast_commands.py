"""Commands that list names are over before pydantic, numpy or the session would be loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curator.contract.run.run_folder import RunFolder
from tests.cli.conftest import Frieze

SLOW = (
    "pydantic",
    "numpy",
    "pyroaring",
    "rich",
    "textual",
    "sqlite_utils",
    "torch",
    "curator.session.session",
)
PROBE = """
import json, sys
from curator.cli.main import dispatch
code = dispatch(sys.argv[2:])
loaded = [name for name in sys.argv[1].split() if name in sys.modules]
print(json.dumps([int(code), loaded]), file=sys.stderr)
"""
LISTS = [
    "--help",
    "--version",
    "help tag add",
    "filter list",
    "history --limit 5",
    "manifest list",
    "models list",
    "quarantine",
    "recipe list",
    "recipe fields",
    "runs list",
    "runs list --status finished --limit 3",
    "subset list --names",
    "tag find fo --limit 3",
    "tag list",
]


COMPLETED = {
    "frieze sub": "subset\t",
    "frieze tag re": "remove\t",
    "frieze ls fo": "fox\tgeneral, 1 image\n",
    "frieze ls subset:": "subset:foxes\t",
    "frieze ls --co": "--collection\t",
    "frieze tag add fox an": "animal\t",
    "frieze subset set ": "foxes\t",
    "frieze manifest show ": "set\t",
    "frieze runs show ": "fox",
    "frieze train set --recipe ": "sd15-lora\t",
    "frieze freeze --": "--if-changed\t",
}


def loaded_by(line: str, folder: Path, typed: str = "") -> list[str]:
    command = [sys.executable, "-c", PROBE, " ".join(SLOW), *line.split()]
    asked = {"_FRIEZE_COMPLETE": "fish", "_FRIEZE_LINE": typed} if typed else {}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=os.environ | asked
    )
    assert done.returncode == 0, done.stderr
    assert COMPLETED.get(typed, "") in done.stdout
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return loaded


@pytest.mark.parametrize("line", LISTS)
def test_a_list_of_names_loads_nothing_slow(frozen: Path, frieze: Frieze, line: str) -> None:
    home = frozen.parents[1]
    RunFolder.create(home / "runs", "fox", "", frozen, "d" * 64)
    assert frieze("filter", "save", "birds", "owl").code == 0
    assert loaded_by(line, home) == []


def test_runs_are_listed_without_reading_what_a_recipe_is(frozen: Path) -> None:
    probe = PROBE.replace("sys.argv[1].split()", "['curator.contract.recipe.recipe']")
    command = [sys.executable, "-c", probe, "", "runs", "list"]
    done = subprocess.run(
        command, cwd=frozen.parents[1], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]


@pytest.mark.parametrize("typed", sorted(COMPLETED))
def test_a_completed_word_loads_nothing_slow(frozen: Path, typed: str) -> None:
    home = frozen.parents[1]
    RunFolder.create(home / "runs", "fox", "", frozen, "d" * 64)
    assert loaded_by("", home, typed) == []


def test_the_probe_sees_what_is_loaded(frozen: Path) -> None:
    assert {"numpy", "curator.session.session"} <= set(loaded_by("ls fox", frozen.parents[1]))


@pytest.mark.parametrize("line", ["tag list", "tag find i", "history", "subset list --names", "quarantine"])
def test_a_list_of_names_is_what_the_session_tells(frozen: Path, frieze: Frieze, line: str) -> None:
    """While another program's edits wait in the write buffer, counts are still whole."""
    from curator.index.changes.edits import AddTags
    from curator.session.session import Session

    home = frozen.parents[1]
    with Session.open(home) as other:
        other.edits.apply(AddTags(("night",)), other.images.select("owl OR fox").ids.tolist())
        told = frieze(*line.split(), "--json")
        assert told.code == 0
        want = {
            "tag list": [
                {"name": tag.name, "class": tag.cls, "images": tag.count, "count": tag.count}
                for tag in other.tags.all()
            ],
            "tag find i": [
                {
                    "name": tag.name,
                    "class": tag.cls,
                    "images": tag.count,
                    "count": tag.count,
                    "alias": alias or None,
                }
                for tag, alias in other.tags.find("i", 20)
            ],
            "subset list --names": [{"name": s.name, "filter": s.filter} for s in other.subsets.all()],
            "quarantine": [],
        }
        if line == "history":
            assert [row["id"] for row in told.json] == [each.id for each in other.edits.history(50)]
        else:
            assert told.json == want[line]
    if line.startswith("tag"):
        assert next(each["count"] for each in told.json if each["name"] == "night") == 2


def test_an_older_index_is_brought_up_to_date_by_a_list(tmp_path: Path, frieze: Frieze) -> None:
    import sqlite3

    script = (Path(__file__).parents[1] / "index" / "schema" / "format_8.sql").read_text("utf-8")
    with sqlite3.connect(tmp_path / "frieze.db") as connection:
        connection.executescript(script)
    done = frieze("tag", "list", "--collection", tmp_path)
    assert done.code == 0, done.err
    assert len(done.lines) > 1


def test_a_damaged_index_is_told_as_one(frozen: Path, frieze: Frieze) -> None:
    import sqlite3

    home = frozen.parents[1]
    with sqlite3.connect(home / "frieze.db") as connection:
        connection.execute("UPDATE tag SET count='many'")
    done = frieze("tag", "find", "i", "--collection", home)
    assert done.code == 2
    assert "damaged" in done.err


def test_a_folder_without_an_index_is_told(tmp_path: Path, frieze: Frieze) -> None:
    done = frieze("tag", "list", "--collection", tmp_path)
    assert done.code == 2
    assert "no collection" in done.err
