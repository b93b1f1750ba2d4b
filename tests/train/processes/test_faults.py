"""What ends one process of a run is told by the first, in its own words; one that dies is named (S058)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.contract.run.events import RunFailed, StepDone
from curator.contract.run.run_folder import RunFolder

SETS = ("batch.size=2", "length.steps=6", "save.state_every_steps=2", "cache.latents=off")
AT_LOAD = """
def broken(*_):
    raise UserError("the second disk is gone", "mount it")
import_module("train.prepare.job").load_trainable = broken
"""
AT_STEP = """
Stepper = import_module("train.step").Stepper
honest = Stepper.take
def take(stepper, batch):
    if batch.step == 3:
        {fault}
    return honest(stepper, batch)
Stepper.take = take
"""
AT_SAMPLING = """
def broken(job, done):
    if done:
        raise UserError("no sample can be made", "ask for none")
import_module("train.loop")._sample = broken
"""
SAMPLES = (
    "sample.prompts=['a cat']",
    "sample.every_steps=2",
    "sample.steps=2",
    "sample.width=64",
    "sample.height=64",
)


@pytest.fixture
def failure_of(
    make_run, tmp_path: Path, train_together, events_of
) -> Callable[..., tuple[RunFolder, RunFailed]]:
    """Train in two processes, the second with `fault` planted (and the first with another); what was told."""

    def fail(fault: str, *sets: str, of_first: str = "") -> tuple[RunFolder, RunFailed]:
        planted = tmp_path / "planted.py"
        head = "import os, signal, time\nfrom importlib import import_module\n"
        head += "from curator.contract.errors import UserError\n"
        parts = [
            f"if os.environ['RANK'] == '{rank}':\n    exec({text!r})\n"
            for rank, text in ((0, of_first), (1, fault))
        ]
        planted.write_text(head + "".join(parts))
        run = make_run(*SETS, *sets)
        codes = train_together(run, FRIEZE_PLANTED=str(planted))
        assert codes[0] == 3, run.log_path.read_text()
        assert run.status() == "failed"
        (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
        return run, failed

    return fail


@pytest.mark.parametrize(
    ("fault", "what", "hint"),
    [
        pytest.param(AT_LOAD, "the second disk is gone", "mount it", id="load"),
        pytest.param(
            AT_STEP.format(fault="raise ValueError('planted')"),
            "the trainer broke: ValueError: planted",
            "log.txt of the run tells where",
            id="step",
        ),
        pytest.param(AT_SAMPLING, "no sample can be made", "ask for none", id="sampling"),
    ],
)
def test_what_breaks_another_process_is_told_in_its_words(
    failure_of, fault: str, what: str, hint: str
) -> None:
    run, failed = failure_of(fault, *(SAMPLES if fault is AT_SAMPLING else ()))
    assert (failed.what, failed.hint) == (what, hint), run.log_path.read_text()


def test_a_process_that_is_killed_is_named_with_its_machine_and_the_run_goes_on_later(
    failure_of, events_of, work
) -> None:
    run, failed = failure_of(AT_STEP.format(fault="os.kill(os.getpid(), signal.SIGKILL)"))
    assert failed.what == f"process 2 of 2 (rank 1, on {socket.gethostname()}) died without a word"
    assert work(run) == 0
    assert [event.step for event in events_of(run) if isinstance(event, StepDone)][-3:] == [4, 5, 6]


def test_a_process_that_hangs_hears_of_it_and_ends_the_run(failure_of) -> None:
    """As one does that waits for a GPU which waits for the other's."""
    fault = AT_STEP.format(fault="raise UserError('no more', 'nothing to do')")
    _, failed = failure_of(fault, of_first=AT_STEP.format(fault="time.sleep(3600)"))
    assert failed.what == "no more"


@pytest.mark.parametrize("image", [1, 6])
def test_an_image_that_was_replaced_by_one_of_its_size_is_named_by_whichever_reads_it(
    make_run, frozen, train_together, events_of, image: int
) -> None:
    """It has the bytes' number that the manifest says, and the run began before anybody read it."""
    run = make_run(*SETS, "length.epochs=1", frozen=frozen(sizes=((64, 64),) * 8))
    picture = Path(run.info().manifest).parent / "pictures" / f"{image:02d}.png"
    data = bytearray(picture.read_bytes())
    data[-20] ^= 1
    picture.write_bytes(data)
    assert 3 in train_together(run)
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert picture.name in failed.what
