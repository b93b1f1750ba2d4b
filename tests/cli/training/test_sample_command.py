"""`frieze sample`: prompts planned, and images rendered from saved files (S077)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from curator.cli.training.sample_command import _adapter
from curator.contract.errors import UserError
from curator.runs.programs.trainer_programs import run_program
from tests.cli.conftest import Frieze

CASE = Path(__file__).parents[2] / "contract" / "prompts" / "sample_lines"
LINE = "a cat --w 64 --h 64 --s 2"


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "prompts.txt"
    path.write_text(f"{LINE} --d 5\n{LINE} --n dog --w 72\n")
    return path


def lora(folder: Path) -> Path:
    """An adapter of one module that changes what is seen."""
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    width = 32
    generator = torch.Generator().manual_seed(1)
    tensors = {
        f"{name}.lora_down.weight": torch.randn(2, width, generator=generator),
        f"{name}.lora_up.weight": torch.randn(width, 2, generator=generator),
        f"{name}.alpha": torch.tensor(2.0),
    }
    save_file(tensors, folder / "a.safetensors")
    return folder / "a.safetensors"


def test_the_plan_says_what_lines_give_and_doubts_go_to_stderr(frieze: Frieze) -> None:
    done = frieze("sample", "--prompts", CASE / "prompts.txt", "--plan", "--json")
    assert done.code == 0, done.err
    assert done.json == json.loads((CASE / "expected.json").read_text())
    assert "line 4: width 100 becomes 96" in done.err
    assert "line 6: 5000 steps become 1000" in done.err


def test_images_follow_from_model_adapters_and_seed(tiny_model: Path, prompts: Path, frieze: Frieze) -> None:
    """S077: the same seed, the same pixels; an adapter at ratio 0 changes nothing, at 1 it does; settings are kept."""

    def made(out: str, *words: object) -> list[Image.Image]:
        done = frieze("sample", "--model", tiny_model, "--prompts", prompts, "--out", out, *words, "--json")
        assert done.code == 0, done.err
        return [Image.open(each["path"]) for each in done.json["images"]]

    file = lora(prompts.parent)
    plain, again = made("one"), made("two")
    assert [each.size for each in plain] == [(64, 64), (72, 64)]
    assert [each.tobytes() for each in plain] == [each.tobytes() for each in again]
    assert [each.tobytes() for each in made("zero", "--adapter", f"{file}@0")] == [
        each.tobytes() for each in plain
    ]
    assert made("full", "--adapter", file)[0].tobytes() != plain[0].tobytes()
    assert made("full", "--replace", "--set", "sample.sampler=ddim")[0].tobytes() != plain[0].tobytes()
    assert plain[1].text["parameters"] == (  # type: ignore[attr-defined]  # of PNG files
        "a cat\nNegative prompt: dog\nSteps: 2, Sampler: euler_a, CFG scale: 7.0, Seed: 2, Size: 72x64"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--plan",), "no prompts are given"),
        (("--prompts", "gone.txt", "--plan"), "there is no file of prompts"),
        (("--prompts", "bad.txt", "--plan"), "bad.txt, line 1: --ss is 'eulr'"),
        (("--prompts", "prompts.txt", "--plan", "--out", "x"), "--out would have no effect with --plan"),
        (("--prompts", "prompts.txt"), "no folder is given"),
        (("--prompts", "prompts.txt", "--out", "x"), "no weights are named"),
        (("--prompts", "prompts.txt", "--out", "x", "--model", "/no/such"), "there is no model at /no/such"),
        (("--prompts", "prompts.txt", "--out", "x", "--model", "m", "--run", "r"), "name two models"),
        (("--prompts", "prompts.txt", "--out", "x", "--model", "m", "--step", "3"), "--step would have no effect"),
        (("--out", "x", "--model", "MODEL"), "no prompts are given"),
        (("--prompts", "prompts.txt", "--out", "x", "--model", "MODEL", "--adapter", "b@c"), "'c' is no ratio"),
        (("--prompts", "prompts.txt", "--out", "x", "--model", "MODEL", "--adapter", "b"), "there is no adapter at"),
        (
            ("--prompts", "prompts.txt", "--out", "x", "--model", "MODEL", "--set", "optimizer.unet_lr=1"),
            "optimizer.unet_lr would have no effect",
        ),
        (("--prompts", "prompts.txt", "--out", ".", "--model", "MODEL"), "holds sample-0001.png already"),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(
    words: tuple[str, ...], said: str, tiny_model: Path, prompts: Path, frieze: Frieze
) -> None:
    (prompts.parent / "sample-0001.png").write_bytes(b"mine")
    (prompts.parent / "bad.txt").write_text("a --ss eulr\n")
    done = frieze("sample", *(str(tiny_model) if word == "MODEL" else word for word in words))
    assert done.code == 2
    assert said in done.err
    assert (prompts.parent / "sample-0001.png").read_bytes() == b"mine"


def test_what_libraries_complain_of_does_not_hide_a_mistake() -> None:
    mistake = run_mistake(
        "import sys; sys.stderr.write('a library complains\\nno model\\ngive one\\n'); sys.exit(2)"
    )
    assert (mistake.what, mistake.hint) == ("no model", "give one")
    assert run_mistake("import sys; sys.stderr.write('no model\\n'); sys.exit(2)").what == "no model"


def run_mistake(program: str) -> UserError:
    with pytest.raises(UserError) as caught:
        run_program(["-c", program], lambda _: None)
    return caught.value


def test_an_adapter_that_does_not_fit_is_named(tiny_sdxl: Path, prompts: Path, frieze: Frieze) -> None:
    save_file({"lora_unet_nowhere.lora_down.weight": torch.ones(2, 3)}, "odd.safetensors")
    words = ("--model", tiny_sdxl, "--prompts", prompts, "--out", "x", "--adapter", "odd.safetensors")
    done = frieze("sample", *words)
    assert done.code == 2
    assert "odd.safetensors: the adapter has weights for 'lora_unet_nowhere'" in done.err


def test_a_file_with_an_at_sign_needs_no_ratio(tmp_path: Path) -> None:
    odd = tmp_path / "me@home.safetensors"
    odd.touch()
    assert _adapter(str(odd)) == (str(odd), 1.0)
    assert _adapter(f"{odd}@-0.5") == (str(odd), -0.5)
