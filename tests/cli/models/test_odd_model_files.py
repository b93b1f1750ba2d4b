"""Files that are no models, or have odd names, given to every command of the workshop: a sentence, and no waiting."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
from safetensors.torch import save_file  # noqa: E402

from tests.cli.conftest import Frieze  # noqa: E402
from tests.train.small_models import MIDDLE, small, small_adapter, write_small_models  # noqa: E402


def huge_header(path: Path) -> None:
    path.write_bytes((1 << 62).to_bytes(8, "little") + b'{"a": 1}' * 100)


def truncated(path: Path) -> None:
    save_file(small(0), path)
    os.truncate(path, path.stat().st_size - 1000)


KINDS: dict[str, Callable[[Path], object]] = {
    "FIFO": os.mkfifo, "empty": Path.touch, "huge header": huge_header, "truncated": truncated,
    "loop": lambda path: path.symlink_to(path), "noise": lambda path: path.write_bytes(bytes(range(256)) * 9),
}  # fmt: skip
COMMANDS = (
    "model bake FILE adapter.safetensors --out o.safetensors",
    "model bake a.safetensors FILE --out o.safetensors",
    "model join adapter.safetensors FILE --out o.safetensors",
    "model merge a.safetensors FILE --out o.safetensors",
    "model extract FILE a.safetensors --kind lora --rank 2 --out o.safetensors",
    "model extract a.safetensors FILE --kind lora --rank 2 --out o.safetensors",
    "model resize FILE --rank 1 --out o.safetensors",
    "model convert FILE --dtype bf16 --out o.safetensors",
    "model convert FILE --out folder",
    "model restore FILE --from a.safetensors --what embeddings --out o.safetensors",
    "model restore a.safetensors --from FILE --what embeddings --out o.safetensors",
    "model info FILE",
    "model hash FILE",
    "model diff FILE a.safetensors",
    "model explain FILE",
    "grid FILE --out folder",
    "publish FILE --repo me/it --dry-run",
)
NAMES = ("line\nbreak.safetensors", "[red]x[red].safetensors", "./-n.safetensors", "\x1b[31mx.safetensors")


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """A command that hangs is told apart from one that is slow."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(500)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    return tmp_path


def words_of(command: str, file: str) -> list[str]:
    return [file if word == "FILE" else word for word in command.split()]


def is_a_sentence(err: str) -> bool:
    """What happened and, at most, what to do: without a word of the program, and without what a terminal obeys."""
    lines = err.strip("\n").split("\n")
    whole = len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("  hint: "))
    return whole and lines[0].startswith("frieze: ") and "Traceback" not in err and "\x1b" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_model_is_refused_in_a_sentence(home: Path, frieze: Frieze, command: str) -> None:
    for kind, make in KINDS.items():
        make(home / "odd.safetensors")
        before = sorted(each.name for each in home.iterdir())
        done = frieze(*words_of(command, "odd.safetensors"))
        assert (done.code, is_a_sentence(done.err)) == (2, True), (kind, done.code, done.err)
        assert "odd.safetensors" in done.err
        assert sorted(each.name for each in home.iterdir()) == before
        (home / "odd.safetensors").unlink()


@pytest.mark.parametrize("command", COMMANDS)
def test_names_obey_nothing_where_the_file_is_damaged(home: Path, frieze: Frieze, command: str) -> None:
    for name in NAMES:
        truncated(home / name)
        done = frieze(*words_of(command, name))
        assert (done.code, is_a_sentence(done.err)) == (2, True), (name, done.code, done.err)
        (home / name).unlink()


def inpainting(path: Path) -> None:
    save_file(small(3, channels=9), path)


def strange_channels(path: Path) -> None:
    save_file(small(3, channels=7), path)


def of_sdxl(path: Path) -> None:
    save_file(small(3) | {"conditioner.embedders.1.model.ln_final.weight": torch.ones(8)}, path)


def without_vae(path: Path) -> None:
    save_file({name: value for name, value in small(3).items() if "first_stage" not in name}, path)


def not_a_number(path: Path) -> None:
    save_file(small(3) | {MIDDLE: torch.full((8, 8, 1, 1), torch.nan).half()}, path)


def foreign_adapter(path: Path) -> None:
    layer = {name.replace("mid_block", "no_block"): value for name, value in small_adapter(3).items()}
    save_file({name: value for name, value in layer.items() if "no_block" in name}, path)


@pytest.mark.parametrize(
    ("make", "command", "words"),
    [
        (of_sdxl, "model merge a.safetensors FILE --out o.safetensors", "sdxl"),
        (of_sdxl, "model extract a.safetensors FILE --kind lora --rank 2 --out o.safetensors", "sdxl"),
        (inpainting, "model convert FILE --out folder", "inpainting"),
        (without_vae, "model convert FILE --out folder", "VAE"),
        (not_a_number, "model merge a.safetensors FILE --out o.safetensors", "holds NaN"),
        (not_a_number, "model bake FILE adapter.safetensors --out o.safetensors", "holds NaN"),
        (not_a_number, "model extract FILE a.safetensors --kind lora --rank 2 --out o.safetensors", "holds NaN"),
        (foreign_adapter, "model bake a.safetensors FILE --out o.safetensors", "odd.safetensors"),
        (of_sdxl, "model bake a.safetensors adapter.safetensors --out a.safetensors --replace", "made of"),
        (of_sdxl, "model merge a.safetensors b.safetensors --out a.safetensors --replace", "made of"),
        (of_sdxl, "model extract a.safetensors b.safetensors --out a.safetensors --replace", "made of"),
        (of_sdxl, "model resize adapter.safetensors --rank 1 --out adapter.safetensors --replace", "made of"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told(
    home: Path, frieze: Frieze, make: Callable[[Path], None], command: str, words: str
) -> None:
    make(home / "odd.safetensors")
    before = {each.name: each.read_bytes() for each in home.iterdir()}
    done = frieze(*words_of(command, "odd.safetensors"))
    assert (done.code, is_a_sentence(done.err)) == (2, True), (done.code, done.err)
    assert words in done.err
    assert {each.name: each.read_bytes() for each in home.iterdir()} == before


def test_unusual_channels_are_told(home: Path, frieze: Frieze) -> None:
    strange_channels(home / "odd.safetensors")
    done = frieze("model", "merge", "a.safetensors", "odd.safetensors", "--out", "o.safetensors")
    assert done.code == 0, done.err
    assert "UNets take different channels (a.safetensors 4, odd.safetensors 7)" in done.err


@pytest.mark.parametrize("count", [25, 27])
def test_a_wrong_count_of_blocks_says_which_map_it_expected(home: Path, frieze: Frieze, count: int) -> None:
    numbers = ",".join(["0.5"] * count)
    done = frieze(
        "model", "merge", "a.safetensors", "b.safetensors", "--blocks", numbers, "--out", "o.safetensors"
    )
    assert (done.code, is_a_sentence(done.err)) == (2, True), done.err
    assert f"{count}" in done.err
    assert "26" in done.err


def larger_than_the_disk(path: Path) -> None:
    """A whole model with one tensor more, of zeros that take no space."""
    with path.open("r+b") as file:
        about = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        end = max(each["data_offsets"][1] for name, each in about.items() if name != "__metadata__")
        rows = (shutil.disk_usage(path).free + (1 << 36)) // 16
        place = [end, end + 16 * rows]
        about["model.diffusion_model.more.weight"] = {
            "dtype": "F16",
            "shape": [rows, 8],
            "data_offsets": place,
        }
        text = json.dumps(about).encode()
        text += b" " * (-len(text) % 8)
        file.seek(0)
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + place[1])


@pytest.mark.parametrize(
    "command",
    [
        "model merge a.safetensors b.safetensors --out o.safetensors",
        "model bake a.safetensors adapter.safetensors --out o.safetensors",
        "model restore a.safetensors --from b.safetensors --what embeddings --out o.safetensors",
        "model convert a.safetensors --dtype bf16 --out o.safetensors",
    ],
)
def test_a_disk_with_too_little_space_is_told_before(home: Path, frieze: Frieze, command: str) -> None:
    larger_than_the_disk(home / "a.safetensors")
    done = frieze(*command.split())
    assert (done.code, "and its disk has" in done.err) == (2, True), done.err
    assert is_a_sentence(done.err)
    assert not (home / "o.safetensors").exists()
