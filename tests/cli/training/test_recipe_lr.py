"""`frieze recipe lr`: the factors the trainer itself uses, without its libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

RESTARTS = ("--set", "schedule.name=cosine_with_restarts", "--set", "schedule.warmup_steps=0")


def lr(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curator", "recipe", "lr", "sd15-lora", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_factors_of_every_step() -> None:
    """S074."""
    done = lr(*RESTARTS, "--set", "schedule.cycles=22", "--steps", "44", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    expected = [{"step": step, "unet": factor, "text": factor} for step, factor in enumerate([1.0, 0.5] * 22)]
    assert json.loads(done.stdout) == [pytest.approx(row) for row in expected]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "schedule.warmup_steps=100"), "the warm-up of 100 steps is longer than the run of 5"),
        ((*RESTARTS, "--set", "schedule.cycles=20"), "schedule.cycles = 20 is more than the 5 steps"),
    ],
)
def test_what_never_comes_is_told_beside(arguments: tuple[str, ...], told: str) -> None:
    done = lr(*arguments, "--steps", "5", "--json")
    assert done.returncode == 0
    assert told in done.stderr
    assert len(json.loads(done.stdout)) == 5


def test_the_trainer_is_not_loaded() -> None:
    code = (
        "import sys; from curator.cli.main import main\n"
        "sys.argv = ['frieze', 'recipe', 'lr', 'sd15-lora', '--steps', '2']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'numpy', 'textual') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [(), ("--steps", "0")])
def test_a_length_is_needed(arguments: tuple[str, ...]) -> None:
    assert lr(*arguments).returncode == 2
