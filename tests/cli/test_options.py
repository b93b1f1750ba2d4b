"""Options that mean the same everywhere: a table of all commands, so that a new one cannot miss them."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curator.cli.command_tree import commands
from tests.tag_models.colour_tagger import write_tagger

Frieze = Callable[..., Any]

# The shared options of each command: C --collection, n --dry-run, y --yes, R --replace, L --limit. All have --quiet.
TABLE = {
    "scan": "C",
    "quarantine": "C",
    "import": "CnyR",
    "ls": "CL",
    "tag add": "Cny",
    "tag remove": "Cny",
    "tag rename": "Cny",
    "tag order": "Cny",
    "tag caption": "Cny",
    "tag derive": "Cny",
    "tag clean": "CnyL",
    "tag relate": "CnyL",
    "tag accept": "CnyL",
    "tag again": "Cny",
    "tag class": "C",
    "tag alias": "C",
    "tag write": "CnyR",
    "tag tables": "C",
    "tag check-identifier": "C",
    "tag list": "CL",
    "tag find": "CL",
    "pick": "CnyR",
    "dupes": "Cny",
    "facets": "CL",
    "filter list": "C",
    "filter save": "CR",
    "filter remove": "C",
    "mark": "Cny",
    "undo": "Cn",
    "redo": "Cn",
    "history": "CL",
    "stats": "C",
    "doctor": "C",
    "verify": "C",
    "subset list": "C",
    "subset add": "Cn",
    "subset put": "Cn",
    "subset set": "Cn",
    "subset order": "Cn",
    "subset overfit": "C",
    "subset balance": "Cn",
    "subset remove": "C",
    "subset make-reg": "C",
    "buckets": "C",
    "captions": "CL",
    "explain": "CL",
    "freeze": "CnR",
    "cache list": "C",
    "cache verify": "C",
    "cache prune": "Cn",
    "cache export": "CnR",
    "manifest list": "C",
    "manifest show": "C",
    "manifest verify": "C",
    "manifest diff": "CL",
    "manifest export": "CRn",
    "manifest import": "CR",
    "manifest captions": "C",
    "export sqlite": "CR",
    "train": "Cn",
    "runs list": "CL",
    "runs show": "C",
    "runs wait": "C",
    "runs follow": "C",
    "runs stop": "C",
    "runs judge": "C",
    "runs pause": "C",
    "runs resume": "C",
    "runs save": "C",
    "runs sample": "C",
    "runs verify-resume": "C",
    "runs queue": "C",
    "runs compare": "C",
    "runs losses": "CL",
    "runs export": "CR",
    "runs rename": "C",
    "runs delete": "Cny",
    "runs fetch": "C",
    "propose": "C",
    "proposals": "C",
    "jobs list": "C",
    "jobs follow": "C",
    "jobs stop": "C",
    "jobs resume": "C",
    # without a collection
    "chain": "",
    "recipe list": "",
    "recipe lr": "",
    "report": "CR",
    "sample": "CR",
    "recipe show": "",
    "recipe check": "",
    "recipe import": "R",
    "recipe fields": "",
    "adapter plan": "",
    "model blocks": "",
    "model merge": "nR",
    "model bake": "nR",
    "model join": "RL",
    "model convert": "RL",
    "model restore": "R",
    "model extract": "RL",
    "model resize": "RL",
    "model info": "",
    "model hash": "",
    "model diff": "L",
    "grid make": "Cn",
    "grid show": "",
    "grid judge": "",
    "grid choose": "R",
    "model explain": "C",
    "publish": "Cny",
    "models list": "",
    "models show": "",
    "models fetch": "y",
    "demo": "",
    "batch": "",
    "completion": "",
}
NAMES = {
    "C": ["--collection", "-C"],
    "n": ["--dry-run", "-n"],
    "y": ["--yes", "-y"],
    "R": ["--replace"],
    "L": ["--limit"],
}
COMMANDS = dict(commands())


def test_the_table_has_every_command() -> None:
    assert set(TABLE) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_the_shared_options_and_no_other_of_their_names(name: str) -> None:
    options = [each for each in COMMANDS[name].params if each.param_type_name == "option"]
    assert [each.opts for each in options if "--quiet" in each.opts] == [["--quiet", "-q"]]
    for sign, names in NAMES.items():
        found = [each.opts for each in options if set(names) & {*each.opts}]
        assert found == ([names] if sign in TABLE[name] else []), sign
    letters = {each for option in options for each in option.opts if not each.startswith("--")}
    assert letters <= {"-q", "-C", "-n", "-y", "-0"}
    for option in options:
        if "--limit" in option.opts:
            assert option.min == 0
        if "--collection" in option.opts:
            assert option.envvar == "FRIEZE_COLLECTION"


MANY = [
    ("tag", "add", "", "new"),
    ("tag", "remove", "", "animal"),
    ("tag", "rename", "", "animal", "beast"),
    ("tag", "order", "", "outdoors"),
    ("tag", "caption", "", "words"),
    ("tag", "derive", "", "head", "--head", "best"),
    ("tag", "clean", ""),
    ("tag", "accept", "", "--model", "tagger", "--general", "0.4"),
    ("mark", "keep", ""),
    ("pick", "--mark", "keep"),
    ("dupes", "--mark"),
    ("tag", "order", ""),
    ("import", "pictures", "--layout", "imagefolder", "--replace"),
    ("import", "pictures", "--layout", "imagefolder"),
    ("import", "kohya", "--layout", "kohya-folders"),
    ("tag", "write", ""),
    ("tag", "write", "", "--replace"),
]  # fmt: skip


@pytest.fixture
def many(pictures: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection where each of the changes would change several images."""
    home = pictures.parent
    for i, name in enumerate(("fox", "owl", "wolf")):
        (pictures / f"copy{i}.png").write_bytes((pictures / f"{name}.png").read_bytes())
        (pictures / f"copy{i}.txt").write_text("long_hair, animal, outdoors")
    monkeypatch.chdir(home)
    assert frieze("scan", pictures, "-C", home).code == 0
    assert frieze("tag", "rename", "", "long hair", "long_hair", "-y").code == 0
    return home


@pytest.mark.parametrize("line", MANY, ids=" ".join)
def test_a_change_of_many_asks_or_is_refused(
    many: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    rows = "".join(
        f'{{"file_name": "{each.name}", "text": "new"}}\n' for each in (many / "pictures").glob("*.png")
    )
    (many / "pictures" / "metadata.jsonl").write_text(rows)
    (many / "kohya" / "3_fox").mkdir(parents=True)
    for number in range(2):
        (many / "kohya" / "3_fox" / f"{number}.png").write_bytes((many / "pictures" / "fox.png").read_bytes())
    if line == ("tag", "order", ""):
        (many / "order.toml").write_text('[order]\nfirst = ["outdoors"]\n')
        assert frieze("tag", "tables", "order.toml").code == 0
    files = {each: each.read_bytes() for each in (many / "pictures").glob("*.txt")}
    if line[:2] == ("tag", "clean"):
        file = many / "clean.toml"
        file.write_text('[clean.replace]\nanimal = "beast"\n')
        assert frieze("tag", "tables", file).code == 0
    if line[:2] == ("tag", "accept"):
        write_tagger(many / "tagger")
        assert frieze("propose", "./tagger", "--wait").code == 0
    before = (frieze("ls", "--json").json, frieze("history", "--json").json)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    refused = frieze(*line)
    assert (refused.code, "add --yes" in refused.err) == (2, True), refused.err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert frieze(*line).code == 1
    assert frieze(*line, "-n").code == 0
    assert (frieze("ls", "--json").json, frieze("history", "--json").json) == before
    assert {each: each.read_bytes() for each in (many / "pictures").glob("*.txt")} == files
    assert frieze(*line, "-y").code == 0


def test_a_collection_is_named_by_the_environment(
    collection: Path, tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert frieze("ls", "--count").code == 2
    monkeypatch.setenv("FRIEZE_COLLECTION", str(collection))
    assert frieze("ls", "--count").out == "4\n"
    assert frieze("runs", "list").code == 0
    gone = frieze("ls", "-C", tmp_path / "gone")
    assert (gone.code, "FRIEZE_COLLECTION" in gone.err) == (2, False)
    monkeypatch.setenv("FRIEZE_COLLECTION", "gone")
    assert "gone ($FRIEZE_COLLECTION)" in frieze("ls").err


def test_the_app_opens_what_the_environment_names(
    collection: Path, tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "but no index" in frieze().err
    monkeypatch.setenv("FRIEZE_COLLECTION", str(collection))
    assert "the app needs a terminal" in frieze().err


@pytest.mark.usefixtures("collection")
def test_quiet_tells_data_and_errors_only(frieze: Frieze, tmp_path: Path) -> None:
    for line in (
        ("tag", "add", "", "new", "-y"),
        ("undo",),
        ("scan",),
        ("subset", "put", "all", ""),
        ("freeze", "one"),
    ):
        done = frieze(*line, "-q")
        assert (done.code, done.out, done.err) == (0, "", ""), line
    assert frieze("history", "--limit", 1, "-q").err == ""
    assert frieze("ls", "--count", "-q").out == "4\n"
    assert frieze("ls", "(", "-q").err
    assert frieze("tag", "add", "", "new", "-y").out  # told again by the next


@pytest.mark.usefixtures("collection")
def test_lists_that_are_cut_say_so_and_0_lifts_it(frieze: Frieze) -> None:
    for i in range(3):
        assert frieze("tag", "add", "", f"outdoors {i}", "-y").code == 0
    cut = {
        ("history",): (2, 3),
        ("facets",): (2, 9),
        ("captions",): (2, 4),
        ("ls",): (2, 4),
        ("tag", "list"): (2, 9),
        ("tag", "find", "outdoors"): (2, 4),
    }
    for line, (limit, total) in cut.items():
        done = frieze(*line, "--limit", limit, "--json")
        assert len(done.json) == limit, line
        if line in (("ls",), ("tag", "list")):  # cut only where that was asked for
            assert done.err == ""
        else:
            said = f"{limit} of {total} shown" if line[0] != "tag" else f"{limit} shown, and there are more"
            assert done.err == f"{said}; --limit 0 shows all\n", line
        whole = frieze(*line, "--limit", 0, "--json")
        assert (len(whole.json), whole.err) == (total, ""), line


@pytest.mark.usefixtures("collection")
def test_the_history_of_an_image_is_cut_and_says_so(frieze: Frieze) -> None:
    for i in range(22):
        assert frieze("tag", "add", "fox", f"outdoors {i}").code == 0
    cut = frieze("explain", "fox.png")
    assert (cut.out.count("\nhistory "), cut.err) == (
        20,
        "20 changes shown, and there are more; --limit 0 shows all\n",
    )
    assert len(frieze("explain", "fox.png", "--limit", 2, "--json").json["history"]) == 2
    whole = frieze("explain", "fox.png", "--limit", 0)
    assert (whole.out.count("\nhistory "), whole.err) == (22, "")
    assert frieze("explain", "fox.png", "--limit", 22).err == ""


def test_put_makes_a_subset_so_and_says_what_it_did(collection: Path, frieze: Frieze) -> None:
    def put(*more: object) -> str:
        done = frieze("subset", "put", "foxes", *more)
        assert done.code == 0
        return done.out

    assert put("fox", "--repeats", 3, "--flip") == "subset foxes: 1 image x 3, added\n"
    assert put("fox", "--repeats", 3, "--flip") == "subset foxes: 1 image x 3, unchanged\n"
    commits = len(frieze("history", "--json").json)
    assert put("fox OR owl") == "subset foxes: 2 images x 1, changed\n"
    (subset,) = frieze("subset", "list", "--json").json
    assert (subset["filter"], subset["flip"], subset["repeats"]) == ("fox OR owl", False, 1)
    put("fox OR owl")
    assert len(frieze("history", "--json").json) == commits + 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("undo", "would be undone: subset rest: repeats 1 -> 2"),
        ("undo 2", "would be undone: subset foxes added: fox"),
        ("undo 2 --to", "would be undone: subset foxes added: fox"),
        ("redo", "would be redone: add 'night' (4 images)"),
        ("subset add new owl --repeats 2", "subset new: 0 images x 2"),
        ("subset put rest owl", "subset rest: 1 image x 1, changed"),
        ("subset set rest --repeats 5", "subset rest: 3 images x 5"),
        ("subset order rest foxes", "order of subsets: rest, foxes"),
        ("subset balance", ""),
    ],
)
def test_a_dry_run_says_what_the_command_would_and_changes_nothing(
    frozen: Path, frieze: Frieze, line: str, told: str
) -> None:
    assert frieze("subset", "set", "rest", "--repeats", 2).code == 0
    if line == "redo":
        assert frieze("tag", "add", "", "night", "--yes").code == frieze("undo").code == 0

    def state() -> object:
        return [frieze(*each.split(), "--json").json for each in ("history", "subset list", "ls", "tag list")]

    before = state()
    dry = frieze(*line.split(), "--dry-run")
    assert dry.code == 0
    assert told in dry.out
    said = frieze(*line.split(), "-n", "--json").json
    assert said["dry_run"] is True
    assert "commit" not in said or said["commit"] is None
    assert state() == before
    assert frieze("verify").code == 0
    done = frieze(*line.split())
    assert done.err == dry.err
    assert done.out == dry.out.replace("would be ", "").replace("nothing was changed\n", "")
    assert state() != before


def test_a_dry_line_of_an_atomic_batch_leaves_the_others_as_they_are(frozen: Path, frieze: Frieze) -> None:
    lines = "tag add fox den\nsubset put foxes owl --dry-run\ntag add owl night\n"
    command = [sys.executable, "-m", "curator", "batch", "--atomic"]
    done = subprocess.run(
        command, cwd=frozen.parent, input=lines, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert frieze("ls", "den OR night", "--count").out == "2\n"
    assert [each["filter"] for each in frieze("subset", "list", "--json").json] == ["fox", "-fox"]


@pytest.mark.usefixtures("collection")
def test_a_subset_that_others_crowd_out_says_so_and_order_helps(frieze: Frieze) -> None:
    assert frieze("subset", "add", "everything", "").code == 0
    done = frieze("subset", "put", "foxes", "fox")
    assert done.out == "subset foxes: 0 images x 1, added\n"
    assert "1 image more of its filter is in subsets before it; 'frieze subset order" in done.err
    assert frieze("subset", "order", "foxes", "everything").out == "order of subsets: foxes, everything\n"
    assert frieze("subset", "put", "foxes", "fox").out == "subset foxes: 1 image x 1, unchanged\n"
    assert "nothing was changed" in frieze("subset", "order", "foxes").out
    assert frieze("subset", "order", "foxes", "foxes").code == frieze("subset", "order", "gone").code == 2
    assert frieze("undo").code == 0
    assert [each["name"] for each in frieze("subset", "list", "--json").json] == ["everything", "foxes"]


def test_a_freeze_is_repeated_only_if_something_changed(frozen: Path, frieze: Frieze) -> None:
    rule = ("--resolution", 256, "--min", 64)
    before = frozen.stat().st_mtime_ns
    done = frieze("freeze", "set", "--if-changed")
    assert done.out.startswith("nothing that is frozen has changed: the manifest set stands\n")
    assert frieze("freeze", "set", "--if-changed", *rule).code == 0
    other = frieze("freeze", "later", "--if-changed", "--json").json
    assert (other["name"], other["is_new"]) == ("set", False)
    assert frozen.stat().st_mtime_ns == before
    for change in (
        ("subset", "set", "foxes", "--repeats", 4),
        ("tag", "add", "owl", "night"),
        ("mark", "reject", "wolf"),
        ("buckets", "--set", "--step", 32),
    ):
        assert frieze(*change).code == 0, change
        assert frieze("freeze", "set", "--if-changed").code == 2, change  # the name is taken
        assert frieze("freeze", "set", "--if-changed", "--replace", "--json").json["is_new"] is True
        assert frieze("freeze", "set", "--if-changed", "--json").json["is_new"] is False
    frozen.write_bytes(b"")
    assert frieze("freeze", "set", "--if-changed", "--replace", "--json").json["is_new"] is True


def test_some_subsets_alone_are_frozen(frozen: Path, frieze: Frieze) -> None:
    """Stages of one chain are frozen side by side, whatever subsets came since."""
    alone = frieze("freeze", "foxes", "--only", "foxes", "--json")
    assert alone.code == 0
    shown = frieze("manifest", "show", "foxes", "--json").json
    assert [each["name"] for each in shown["subsets"]] == ["foxes"]
    assert alone.json["digest"] != frieze("manifest", "show", "set", "--json").json["digest"]
    assert frieze("freeze", "foxes", "--only", "foxes", "--if-changed", "--json").json["is_new"] is False
    assert frieze("freeze", "foxes", "--if-changed", "--replace", "--json").json["is_new"] is True
    assert frieze("freeze", "other", "--only", "foxes", "-n").out != frieze("freeze", "other", "-n").out
    unknown = frieze("freeze", "other", "--only", "foxs")
    assert unknown.code == 2
    assert "foxes" in unknown.err


def test_a_caption_rule_of_a_freeze_is_of_that_manifest_alone(frozen: Path, frieze: Frieze) -> None:
    def rules(name: str) -> list[float]:
        subsets = frieze("manifest", "show", name, "--json").json["subsets"]
        return [each["rules"]["caption_dropout"] for each in subsets]

    words = ("freeze", "dropped", "--rule", "caption_dropout=0.08")
    assert frieze(*words).code == 0
    assert set(rules("dropped")) == {0.08}
    assert 0.08 not in rules("set")
    assert frieze("freeze", "later").code == 0
    assert rules("later") == rules("set")
    assert frieze(*words, "--if-changed", "--json").json["is_new"] is False
    assert frieze("freeze", "dropped", "--if-changed", "--replace", "--json").json["is_new"] is True
    wrong = frieze("freeze", "other", "--rule", "caption_drop=0.1")
    assert (wrong.code, "caption_dropout" in wrong.err) == (2, True)
    assert frieze("freeze", "other", "--rule", "caption_dropout=2").code == 2


def test_a_dry_freeze_writes_nothing(frozen: Path, frieze: Frieze) -> None:
    assert frieze("freeze", "other", "-n").out == "4 images, 6 samples an epoch would be frozen\n"
    assert (
        frieze("freeze", "other", "-n", "--if-changed").out
        == "nothing would be written: the manifest set stands\n"
    )
    assert list(frozen.parent.iterdir()) == [frozen]


def test_nothing_is_written_over_unless_asked(frozen: Path, frieze: Frieze, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "out.db"
    first = [
        ("freeze", "set"),
        ("manifest", "export", "set", out),
        ("manifest", "import", out, "again"),
        ("export", "sqlite", file),
        ("filter", "save", "good", "fox"),
        ("pick", "--top", 2, "--save", "some"),
    ]
    for line in first[1:]:
        assert frieze(*line).code == 0, line
    again = [*first[:4], ("filter", "save", "good", "owl"), ("pick", "--top", 3, "--save", "some")]
    for line in again:
        done = frieze(*line)
        assert (done.code, "--replace" in done.err) == (2, True), line
        assert frieze(*line, "--replace").code == 0, line
    assert frieze("ls", "picked:some", "--count").out == "3\n"
    assert frieze("filter", "list", "--json").json == [{"name": "good", "filter": "owl"}]
    assert sqlite3.connect(file).execute("SELECT count(*) FROM image").fetchone() == (4,)


def test_only_an_export_is_replaced(frozen: Path, frieze: Frieze, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    assert frieze("manifest", "export", "set", mine, "--replace").code == 2
    index = frozen.parents[1] / "frieze.db"
    assert frieze("export", "sqlite", index, "--replace").code == 2
    for file in (mine / "thesis.tex", frozen, frozen.parents[1] / "pictures" / "fox.png"):
        before = file.read_bytes()
        done = frieze("export", "sqlite", file, "--replace")
        assert (done.code, "is no export" in done.err) == (2, True)
        assert file.read_bytes() == before
    (mine / "new").touch()  # as mktemp makes it: nothing is lost
    assert frieze("export", "sqlite", mine / "new", "--replace").code == 0
    assert (mine / "thesis.tex").read_text() == "years of work"
    assert frieze("ls", "--count").out == "4\n"


def test_a_dry_run_of_sidecars_writes_none(collection: Path, frieze: Frieze) -> None:
    file = collection / "pictures" / "fox.txt"
    before = file.read_bytes()
    assert frieze("tag", "add", "fox", "night").code == 0
    assert frieze("tag", "write", "fox", "-n").out == "1 would be written, 0 unchanged, 0 conflicts\n"
    assert file.read_bytes() == before
    assert frieze("tag", "write", "fox").out == "1 written, 0 unchanged, 0 conflicts\n"
    assert file.read_bytes() != before


@pytest.mark.usefixtures("frozen")
def test_old_words_still_work(frieze: Frieze, pictures: Path) -> None:
    assert (
        frieze("import", pictures, "--layout", "everydream", "--plan", "--json").json["subsets"] is not None
    )
    (pictures / "fox.txt").write_text("changed by others")
    assert frieze("tag", "write", "fox").code == 1
    assert frieze("tag", "write", "fox", "--force").code == 0
