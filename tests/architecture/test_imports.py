"""Who may know whom (DESIGN section 1), by import-linter and by what is loaded in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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


def test_the_import_rules_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


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
