"""A killed run equals an uninterrupted one, bit for bit; what may vary changes nothing (S079, S037, S071, S077)."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from curator.contract.caption.captions import CaptionRules
from curator.contract.run.at_work import trainings_at_work
from curator.contract.run.events import RunStarted, StateSaved, StepDone, Warned
from curator.contract.run.run_folder import RunFolder

STEPS = 7
SETS = (
    f"length.steps={STEPS}",
    "save.state_every_steps=2",
    "adapter.dropout=0.2",
    "objective.noise_offset=0.05",
)


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_killed_and_resumed_equals_uninterrupted(
    request, make_run, work, kill_after, start_worker, events_of, model
) -> None:
    """S079: kill -9 between two states, resume, and the LoRA is bit-equal; leftovers are carried over the kill."""
    sets = (*SETS, "batch.leftovers=carry", f"model.path={request.getfixturevalue(model)}")
    whole = make_run(*sets, name="whole")
    assert work(whole) == 0
    killed = make_run(*sets, name="killed")
    kill_after(killed, 5)
    assert killed.status() == "crashed"
    assert start_worker(killed).wait() == 0, killed.log_path.read_text()
    assert killed.status() == "finished"
    assert_equal(weights(whole), weights(killed))
    starts = [event for event in events_of(killed) if isinstance(event, RunStarted)]
    assert [start.resumed for start in starts] == [False, True]
    assert starts[1].step in (2, 4, 6)  # a state that is still being written when it is killed is not there
    losses = {event.step: event.loss for event in events_of(whole) if isinstance(event, StepDone)}
    assert losses == {event.step: event.loss for event in events_of(killed) if isinstance(event, StepDone)}


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_random_cuts_masks_weights_and_long_captions_resume_exactly(
    request, make_run, frozen, work, kill_after, start_worker, events_of, model
) -> None:
    """S079 with S025, S026, S040, S045: kept and live images in one batch, regularisation, mirrors, shuffling."""
    rules = CaptionRules(shuffle=True, trigger="(sls:1.3)", suffix="in a [very] long caption " * 18)
    data = frozen(
        rules=rules, crop="random", mask="alpha", clear=(0, 2, 3, 7), regs=(1, 4, 6), reg_weight=0.5
    )
    sets = (
        *SETS,
        "text.weighted_captions=true",
        "text.max_tokens=150",
        "objective.mask_floor=0.1",
        f"model.path={request.getfixturevalue(model)}",
    )
    whole = make_run(*sets, frozen=data, name="whole")
    assert work(whole) == 0
    killed = make_run(*sets, frozen=data, name="killed")
    kill_after(killed, 5)
    assert start_worker(killed).wait() == 0, killed.log_path.read_text()
    assert_equal(weights(whole), weights(killed))
    told = [
        {event.step: (event.loss, event.reg_loss) for event in events_of(run) if isinstance(event, StepDone)}
        for run in (whole, killed)
    ]
    assert told[0] == told[1]
    assert any(reg is not None for _, reg in told[0].values())


# One adapter with a module of every kind.
EVERY_KIND = (
    "adapter.norms=true",
    "adapter.rank_stabilized=true",
    "adapter.rank=4",
    "adapter.dylora.unit=2",
    "adapter.oft.rescaled=true",
    "adapter.lokr.factor=4",
    "adapter.rules=["
    "'*attn1_to_q kind=loha', '*attn1_to_k kind=lokr', '*attn1_to_v kind=dora', '*attn2_to_k kind=ia3',"
    "'*attn2_to_q kind=glora', '*attn2_to_v kind=oft', '*ff_net_0_proj kind=boft', '*ff_net_2 kind=dylora lr=1e-3',"
    "'*conv1 kind=locon rank=2 tucker=true', '*conv2 kind=lokr rank=2 full_matrix=true']",
)


def test_every_kind_is_resumed_exactly(make_run, work, kill_after, start_worker) -> None:
    """S079: kill -9 between two states; all kinds in one adapter, with modules that rest while others are trained."""
    whole = make_run(*SETS, *EVERY_KIND, name="whole")
    assert work(whole) == 0
    killed = make_run(*SETS, *EVERY_KIND, name="killed")
    kill_after(killed, 5)
    assert start_worker(killed).wait() == 0, killed.log_path.read_text()
    assert_equal(weights(whole), weights(killed))
    kinds = {
        "hada_w1_a",
        "lokr_w1",
        "dora_scale",
        "on_input",
        "a1",
        "oft_blocks",
        "lora_mid",
        "w_norm",
        "rescale",
    }
    assert kinds <= {name.split(".")[1] for name in weights(whole)}


def test_every_kind_gives_the_same_with_checkpointed_activations(make_run, work) -> None:
    """S071: also where a kind draws anew in each pass; and in bf16 every kind finds its weights moved, and finite."""
    sets = (*SETS, *EVERY_KIND, "length.steps=3", "precision.mixed=bf16")
    plain = make_run(*sets, name="plain")
    other = make_run(*sets, "precision.gradient_checkpointing=true", name="other")
    assert work(plain) == 0
    assert work(other) == 0
    assert_equal(weights(plain), weights(other))
    assert all(bool(tensor.isfinite().all()) for tensor in weights(plain).values())


def test_a_damaged_newest_state_falls_back_to_the_one_before(make_run, work, events_of) -> None:
    whole = make_run(*SETS, name="whole")
    assert work(whole) == 0
    hurt = make_run(*SETS, name="hurt")
    assert work(hurt) == 0
    states = sorted(hurt.state_dir.glob("step-*"))
    assert [state.name for state in states] == ["step-00000006", "step-00000007"]
    (states[1] / "optimizer.pt").write_bytes(b"half")
    (hurt.output_dir / "hurt.safetensors").unlink()
    (hurt.path / "exit.json").unlink()
    assert work(hurt) == 0
    assert_equal(weights(whole), weights(hurt))
    (warned,) = [event.what for event in events_of(hurt) if isinstance(event, Warned)]
    assert warned.startswith("the saved state step-00000007 cannot be read")


def test_a_stopped_run_goes_on_where_it_was(make_run, start_worker, work, events_of, monkeypatch) -> None:
    """SIGTERM finishes the step, saves the state and ends "stopped"; the same command goes on.

    With other devices to see and other random numbers under way: a run draws from none that it shares.
    """
    whole = make_run(*SETS, name="whole")
    assert work(whole) == 0
    run = make_run(*SETS, name="stopped")
    worker = start_worker(run)
    while not any(isinstance(event, StepDone) for event in events_of(run)):
        assert worker.poll() is None, run.log_path.read_text()
        time.sleep(0.01)
    assert [each.run for each in trainings_at_work()] == [os.path.realpath(run.path)]
    worker.send_signal(signal.SIGHUP)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait() == 4
    assert (run.status(), trainings_at_work()) == ("stopped", [])
    steps = [event.step for event in events_of(run) if isinstance(event, StepDone)]
    saved = [event.step for event in events_of(run) if isinstance(event, StateSaved)]
    assert steps[-1] == saved[-1] < STEPS
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    for stir in (torch.manual_seed, random.seed, np.random.seed):
        stir(99)
    assert work(run) == 0
    assert_equal(weights(whole), weights(run))


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(("loader.workers=3",), id="three readers"),
        pytest.param(("loader.workers=1",), id="one reader"),
        pytest.param(("precision.gradient_checkpointing=true",), id="gradient checkpointing"),
        pytest.param(
            (
                "sample.prompts=['a cat','']",
                "sample.every_steps=1",
                "sample.steps=2",
                "sample.width=64",
                "sample.height=64",
                "evaluate.images=2",
                "evaluate.every_steps=2",
            ),
            id="samples and evaluations",
        ),
        pytest.param(("cache.latents=memory",), id="kept latents"),
    ],
)
def test_what_must_not_change_the_weights(make_run, work, tmp_path: Path, variant) -> None:
    """Reader threads, checkpointed activations (S071), samples (S077) and the latent cache (S038) change no bit."""
    sets = (*SETS, "length.steps=3", "cache.latents=off")
    plain = make_run(*sets, name="plain")
    other = make_run(*sets, *variant, name="other")
    assert work(plain) == 0
    assert work(other) == 0
    assert_equal(weights(plain), weights(other))


def test_nothing_of_it_changes_the_weights_of_sdxl(make_run, work, tiny_sdxl) -> None:
    """All at once: threads, kept latents, checkpointed activations of the UNet and of both text encoders."""
    sets = (*SETS, "length.steps=3", f"model.path={tiny_sdxl}")
    plain = make_run(*sets, "cache.latents=off", name="plain")
    other = make_run(*sets, "precision.gradient_checkpointing=true", "loader.workers=2", name="other")
    assert work(plain) == 0
    assert work(other) == 0
    assert_equal(weights(plain), weights(other))
