"""Who may know whom (DESIGN section 1), by import-linter and by what is loaded in a fresh process."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from curator.session.session import Session

ROOT = Path(__file__).parents[2]
TORCH = {"torch", "diffusers", "transformers", "accelerate", "safetensors", "lycoris", "onnxruntime"}
HEAVY = TORCH | {"numpy", "textual", "sqlite_utils", "PIL", "pyroaring", "rich", "typer"}


def loaded(program: str, *words: str, cwd: Path = ROOT) -> set[str]:
    """Top-level modules a fresh process has loaded after `program`."""
    code = (
        f"import sys\ntry:\n    {program}\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "sys.stderr.write('LOADED ' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("LOADED ")[2].split())


def command(*words: str, cwd: Path = ROOT) -> set[str]:
    return loaded("from curator.cli.main import main; main()", *words, cwd=cwd)


def broken_rules(tree: Path) -> set[str]:
    """The names of the contracts that the programs in a folder break."""
    linter = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "COLUMNS": "200"}  # a name on one line
    command = [linter, "--no-cache", "--config", tree / "pyproject.toml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree, env=environment)
    broken = set(re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE))
    assert (done.returncode == 0) == (not broken), done.stdout
    return broken


def test_the_import_rules_hold() -> None:
    assert broken_rules(ROOT) == set()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs, with a new room `curator.novel` above the contract."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("curator", "train", "tag_models"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    rules = (ROOT / "pyproject.toml").read_text("utf-8")
    assert '"contract"]\nexhaustive' in rules
    (tree / "pyproject.toml").write_text(
        rules.replace('"contract"]\nexhaustive', '"novel", "contract"]\nexhaustive')
    )
    (tree / "curator" / "novel").mkdir()
    (tree / "curator" / "novel" / "__init__.py").touch()
    (tree / "curator" / "novel" / "thing.py").write_text("ONE = 1\n")
    return tree


DOOR = "the app and the command line reach a collection through the session alone"
CURATOR_ALONE = "the trainer and the taggers know of the curator only the contract"


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("curator/tui/text/words.py", "from curator.novel.thing import ONE", DOOR),
        ("curator/cli/images/ls_command.py", "def late():\n    from curator.novel.thing import ONE", DOOR),
        ("curator/novel/thing.py", "import textual", "Textual stays in the app"),
        ("curator/novel/thing.py", "import typer", "Typer stays in the command line"),
        ("curator/novel/thing.py", "import sqlite3", "SQLite stays in the index, the manifest and the dumps of boorus"),
        ("train/clock.py", "from curator.novel.thing import ONE", CURATOR_ALONE),
    ],
)  # fmt: skip
def test_a_room_made_today_is_inside_the_rules(copied: Path, file: str, line: str, broken: str) -> None:
    path = copied / file
    before = path.read_text("utf-8")
    path.write_text(f"{before}\n{line}\n")
    try:
        assert broken in broken_rules(copied)
    finally:
        path.write_text(before)


def test_a_room_has_its_place_among_the_others(copied: Path) -> None:
    """The room is there and the layers do not name it."""
    rules = copied / "pyproject.toml"
    with_it = rules.read_text("utf-8")
    assert broken_rules(copied) == set()
    rules.write_text(with_it.replace('"novel", ', ""))
    try:
        assert broken_rules(copied) == {"curator is built in layers"}
    finally:
        rules.write_text(with_it)


def test_help_loads_nothing_heavy() -> None:
    assert not command("--help") & HEAVY
    assert not command("--version") & HEAVY


@pytest.mark.parametrize(
    "word", ["scan", "ls", "tag", "train", "runs", "manifest", "recipe", "freeze", "demo"]
)
def test_the_help_of_a_command_loads_neither_numpy_nor_textual(word: str) -> None:
    assert not command(word, "--help") & (HEAVY - {"typer"})


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    (folder / "a.txt").write_text("fox")
    return folder


def test_the_index_commands_load_neither_torch_nor_textual(collection: Path) -> None:
    unwanted = TORCH | {"textual"}
    assert not command("scan", str(collection)) & unwanted
    for words in (["ls", "fox"], ["tag", "list"], ["stats"], ["buckets"], ["freeze", "a"], ["manifest", "show", "a"],
                  ["train", "a", "--recipe", "tiny-demo", "--check"], ["runs", "list"]):  # fmt: skip
        assert not command(*words, cwd=collection) & unwanted, words


SHOWS_A_PAGE = """from pathlib import Path; from curator.session.session import Session
    images = Session.open(Path.cwd()).images
    (row,) = images.rows(images.select('').page(0, 40))
    assert (row.tags_count, [tag.name for tag in images.tags_of(row.id)]) == (1, ['fox'])"""


def test_a_page_of_a_collection_is_shown_without_numpy(tmp_path: Path) -> None:
    """What the scan left in the write buffer is read without it, too."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("fox")
    command("scan", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "frieze.db")) as index:
        assert index.execute("SELECT count(*) FROM late").fetchone() > (0,)
    assert "numpy" not in loaded(SHOWS_A_PAGE, cwd=tmp_path)
    with Session.open(tmp_path) as session:
        session.upkeep.fold_all()
    with closing(sqlite3.connect(tmp_path / "frieze.db")) as index:
        assert index.execute("SELECT count(*) FROM late").fetchone() == (0,)
    assert "numpy" not in loaded(SHOWS_A_PAGE, cwd=tmp_path)


FIRST_ACTS = """from pathlib import Path; from curator.session.session import Session
    from curator.index.changes.edits import AddTags, SetMark
    session = Session.open(Path.cwd())
    session.upkeep.load_the_rest()
    before = {*sys.modules}
    for edit in (SetMark(1), AddTags(('cat',))):
        assert session.edits.preview(edit, [1]) == 1
    assert session.edits.apply(SetMark(1), [1]).images_changed == 1
    assert session.edits.undo()
    assert [*session.images.select('fox width>10 sort:-bytes').ids] == [1]
    assert not [name for name in {*sys.modules} - before if name.startswith(('numpy', 'curator'))]"""


def test_at_rest_the_app_loads_what_the_first_edit_undo_and_filter_need(collection: Path) -> None:
    command("scan", str(collection))
    assert "numpy" in loaded(FIRST_ACTS, cwd=collection)


@pytest.mark.parametrize("room", ["index", "filter", "placement"])
def test_the_rooms_that_show_a_page_load_numpy_at_its_first_use(room: str) -> None:
    """Each of their modules by itself, whoever imports it."""
    program = f"""from importlib import import_module; from pkgutil import walk_packages
    for each in walk_packages(import_module("curator.{room}").__path__, "curator.{room}."):
        import_module(each.name)"""
    assert "numpy" not in loaded(program)


def test_the_app_loads_no_torch() -> None:
    assert not loaded("import curator.tui.app") & TORCH


def test_the_session_loads_no_textual() -> None:
    assert not loaded("import curator.session.session") & (TORCH | {"textual", "typer"})


def test_the_contract_loads_the_standard_library_alone() -> None:
    files = (ROOT / "curator" / "contract").rglob("*.py")
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files if path.stem != "__init__"
    ]
    program = "import " + ", ".join(sorted(names))
    ours = {name for name in loaded(program) if not name.startswith("_")}
    assert ours - set(sys.stdlib_module_names) <= {"curator", "sitecustomize"} | _always()


def _always() -> set[str]:
    """What an empty program has loaded here: editable installs and the like."""
    return loaded("pass")
