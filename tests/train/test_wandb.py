"""Numbers of a run in wandb: offline, below the run folder. The package is a stand-in that writes down its calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from accelerate import tracking
from accelerate.utils import LoggerType

from curator.contract.locations import TRACKERS

_STAND_IN = """
import json, pathlib
_FILE = pathlib.Path(__file__).with_name("calls.jsonl")


def _call(name, /, *args, **kwargs):
    with _FILE.open("a") as file:
        file.write(json.dumps([name, args, kwargs]) + chr(10))


class _Said:
    def __init__(self, *before):
        self._before = before

    def __getattr__(self, name):
        return lambda *args, **kwargs: _call(".".join((*self._before, name)), *args, **kwargs)


config = _Said("config")


def init(**kwargs):
    _call("init", **kwargs)
    return _Said("run")
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the calls of the stand-in stand; accelerate, which looks once, takes it for installed."""
    package = tmp_path / "packages" / "wandb"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_STAND_IN)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.setattr(tracking, "_available_trackers", [LoggerType.WANDB])
    yield package / "calls.jsonl"
    sys.modules.pop("wandb", None)


def test_wandb_gets_the_numbers_and_sends_nothing(make_run, work, frozen, calls: Path) -> None:
    """S076: its own files lie below the run folder, where `wandb sync` finds them; settings go along."""
    run = make_run("log.trackers=['wandb']", "length.steps=2", frozen=frozen(sizes=((64, 64),) * 2))
    assert work(run) == 0
    (began, *said) = [json.loads(line) for line in calls.read_text().splitlines()]
    name, _, given = began
    assert (name, given["mode"], given["project"]) == ("init", "offline", "frieze")
    assert (given["dir"], given["name"]) == (str(run.path / TRACKERS), run.path.name)
    assert given["settings"]["x_disable_meta"] is True
    (settings,) = [args[0] for name, args, _ in said if name == "config.update"]
    assert settings["batch.size"] == 2
    logged = [(args[0], kwargs["step"]) for name, args, kwargs in said if name == "run.log"]
    assert [step for numbers, step in logged if "loss" in numbers] == [1, 2]
    assert {"loss", "grad_norm", "lr/unet"} <= logged[0][0].keys()
    assert said[-1][0] == "run.finish"
