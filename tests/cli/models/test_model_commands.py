"""`frieze model`: what becomes of files, as a user asks for it."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from tests.train.small_models import BLOCK1, CONV, IDS, MIDDLE, OUT, TEXT, UPDATES, small, write_small_models  # noqa: E402

Frieze = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three models in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    return tmp_path


def merge(frieze: Frieze, *words: object) -> Any:
    done = frieze("model", "merge", *words, "--out", "o.safetensors", "--json")
    assert done.code == 0, done.err
    return done.json


def metadata() -> dict[str, str]:
    with safe_open("o.safetensors", "pt") as file:
        return file.metadata()


def test_half_of_each_in_float32_with_counters_as_they_are(home: Path, frieze: Frieze) -> None:
    """S084: the sum of seed 000."""
    a, b = load_file("a.safetensors"), load_file("b.safetensors")
    report = merge(frieze, "a.safetensors", "b.safetensors", "--recipe", "half")
    made = load_file("o.safetensors")
    assert set(made) == set(a)
    for name, value in made.items():
        is_weight = name not in (IDS, UPDATES, "alphas_cumprod")
        wanted = ((a[name].double() + b[name].double()) / 2).half() if is_weight else a[name]
        assert value.dtype == a[name].dtype
        assert torch.equal(value, wanted), name
    assert (report["merged"], report["copied"], report["family"], report["doubts"]) == (8, 3, "sd1", [])


def test_the_result_says_where_it_comes_from_and_is_made_again_of_that(home: Path, frieze: Frieze) -> None:
    """S090, B06: the recipe with hashes stands in the metadata, and runs."""
    import hashlib

    merge(frieze, "a.safetensors", "b.safetensors", "--blocks", "OUT*=0.25", "--rule", "*proj_in*=1")
    first = load_file("o.safetensors")
    about = metadata()
    toml = tomllib.loads(about["frieze.merge"])
    hashes = [hashlib.sha256((home / f"{name}.safetensors").read_bytes()).hexdigest() for name in "ab"]
    assert toml["models"] == ["a.safetensors", "b.safetensors"]
    assert toml["sha256"] == hashes
    assert (
        about["modelspec.merged_from"]
        == f"a.safetensors (sha256 {hashes[0]}), b.safetensors (sha256 {hashes[1]})"
    )
    assert about["modelspec.architecture"] == "stable-diffusion-v1"
    assert about["modelspec.title"] == "o"
    data = (home / "o.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    assert about["modelspec.hash_sha256"] == f"0x{hashlib.sha256(data[start:]).hexdigest()}"
    (home / "again.toml").write_text(about["frieze.merge"])
    assert merge(frieze, "--recipe", "again.toml", "--replace")["doubts"] == []
    again = load_file("o.safetensors")
    assert all(torch.equal(again[name], value) for name, value in first.items())
    save_file(small(9), home / "b.safetensors")
    (doubt,) = merge(frieze, "--recipe", "again.toml", "--replace")["doubts"]
    assert "b.safetensors is not the file that the recipe was made with" in doubt["what"]


def test_blocks_rules_and_ratios(home: Path, frieze: Frieze) -> None:
    """S086: a list of 26, and rules before it."""
    a, b = load_file("a.safetensors"), load_file("b.safetensors")
    numbers = [0.0] * 26
    numbers[0], numbers[2], numbers[-1] = 0.5, 1.0, 0.25  # BASE, IN01, OUT11
    (home / "list.txt").write_text("# mine\n" + ",".join(map(str, numbers)) + "\n")
    merge(frieze, "a.safetensors", "b.safetensors", "--blocks", "list.txt", "--rule", "*out.2*=0.75")
    made = load_file("o.safetensors")
    for name, ratio in {
        CONV: 0,
        BLOCK1: 1,
        MIDDLE: 0,
        OUT: 0.75,
        f"{TEXT}final_layer_norm.weight": 0.5,
    }.items():
        wanted = torch.lerp(a[name].float(), b[name].float(), ratio).half()
        assert torch.equal(made[name], wanted), name


def test_a_dry_run_prints_the_recipe_and_writes_nothing(home: Path, frieze: Frieze) -> None:
    done = frieze("model", "merge", "a.safetensors", "b.safetensors", "--method", "slerp", "--ratio", "0.3",
                  "--out", "o.safetensors", "--dry-run")  # fmt: skip
    assert tomllib.loads(done.out) == {
        "method": "slerp",
        "models": ["a.safetensors", "b.safetensors"],
        "ratio": 0.3,
    }
    assert not (home / "o.safetensors").exists()


def test_names_obey_nothing(home: Path, frieze: Frieze) -> None:
    save_file(small(0) | {"\x1b[31mred": torch.ones(2)}, home / "odd.safetensors")
    done = frieze("model", "merge", "odd.safetensors", "b.safetensors", "--out", "o.safetensors")
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert json.dumps("\\x1b[31mred")[1:-1].replace("\\\\", "\\") in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.safetensors gone.safetensors", "there is no model file gone.safetensors"),
        ("a.safetensors b.safetensors --method tie", "did you mean 'ties'"),
        ("a.safetensors b.safetensors --ratio nan", "ratio is no finite number"),
        ("a.safetensors b.safetensors --dtype int4", "'dtype' is none of as-first, fp16, bf16, fp32"),
        ("a.safetensors b.safetensors --rule '*x*'", "--rule *x*: no ratio"),
        ("a.safetensors b.safetensors --recipe hlaf", "did you mean 'half'"),
        ("a.safetensors b.safetensors --recipe bad.toml", "a merge has no key 'ration'"),
        ("a.safetensors b.safetensors --recipe a.safetensors", "a.safetensors cannot be read as TOML"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    home: Path, frieze: Frieze, line: str, words: str
) -> None:
    (home / "bad.toml").write_text("ration = 0.5\n")
    done = frieze("model", "merge", *shlex.split(line), "--out", "o.safetensors")
    assert done.code == 2, done.err
    assert words in done.err
    assert not (home / "o.safetensors").exists()


def test_a_file_is_looked_at_without_escapes(home: Path, frieze: Frieze) -> None:
    save_file(small(0), home / "odd.safetensors", {"modelspec.title": "\x1b[31mred", "\x1b]0;x": "y"})
    done = frieze("model", "info", "odd.safetensors")
    assert (done.code, "\x1b" in done.out) == (0, False)
    assert "\\x1b[31mred" in done.out
    assert "sd1" in done.out
    hashed = frieze("model", "hash", "odd.safetensors", "--json").json
    assert hashed["autov2"] == hashed["sha256"][:10]


def test_differences_end_with_code_1(home: Path, frieze: Frieze) -> None:
    same = frieze("model", "diff", "a.safetensors", "a.safetensors")
    assert (same.code, same.out) == (0, "equal: every tensor has the same numbers\n")
    other = frieze("model", "diff", "a.safetensors", "b.safetensors", "--limit", 2, "--json")
    assert (other.code, len(other.json["different_tensors"])) == (1, 2)
    assert {each["block"] for each in other.json["blocks"] if each["different"]} == {
        "BASE",
        "IN00",
        "IN01",
        "M00",
        "OUT11",
    }


def test_differences_are_told_by_block_and_tensor(home: Path, frieze: Frieze) -> None:
    told = frieze("model", "diff", "a.safetensors", "b.safetensors").out
    assert "BASE\t5 of 7\t0.665" in told
    assert f"M00\t{MIDDLE}\t0.414\t1.25" in told
    assert "alone" not in told
    assert "other sizes" not in told
    save_file(small(1, channels=9), home / "wide.safetensors")
    assert (
        f"1 tensor of other sizes, such as {CONV}"
        in frieze("model", "diff", "a.safetensors", "wide.safetensors").out
    )
    other = frieze("model", "diff", "a.safetensors", "adapter.safetensors").out
    assert "11 in the first alone, such as alphas_cumprod" in other
    assert "6 in the second alone, such as lora_unet" in other


def test_a_pickle_is_looked_at_without_running_it(home: Path, frieze: Frieze) -> None:
    torch.save({"state_dict": small(0)}, home / "p.ckpt")
    done = frieze("model", "info", "p.ckpt", "--json")
    assert (done.code, done.json["kind"], done.json["dtypes"]["F16"]) == (0, "sd1", 8), done.err
    refused = frieze("model", "hash", "p.ckpt")
    assert (refused.code, "is a pickle" in refused.err) == (2, True)


def test_embeddings_are_put_back(home: Path, frieze: Frieze) -> None:
    """S082."""
    done = frieze("model", "restore", "a.safetensors", "--from", "b.safetensors", "--what", "embeddings",
                  "--out", "r.safetensors", "--json")  # fmt: skip
    assert done.code == 0, done.err
    names = [f"{TEXT}embeddings.{which}_embedding.weight" for which in ("position", "token")]
    assert done.json["restored"] == names
    a, b, made = (load_file(f"{name}.safetensors") for name in "abr")
    assert all(torch.equal(made[name], (b if name in names else a)[name]) for name in a)
    refused = frieze(
        "model",
        "restore",
        "a.safetensors",
        "--from",
        "b.safetensors",
        "--what",
        "vae",
        "--out",
        "x.safetensors",
    )
    assert (refused.code, "give embeddings" in refused.err) == (2, True)
