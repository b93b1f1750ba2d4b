"""One step: the gradient is that of the mean over the effective batch, however it is cut (S045, S057)."""

from __future__ import annotations

import pytest
import torch

from curator.contract.run.events import StepDone
from curator.contract.run.run_folder import RunFolder
from curator.contract.run.stop_signals import StopSignals
from train.adapters.kinds.lora import UP
from train.job import Job
from train.prepare.job import prepare
from train.report import Reporter


def prepared(run: RunFolder) -> Job:
    return prepare(run, lambda _: Reporter(None), StopSignals())


def gradients(job: Job) -> tuple[float, list[torch.Tensor]]:
    batch = next(job.data.feed.batches(0, 1))
    loss = job.stepper.gradients(batch).outcome().loss
    return loss, [weight.grad.clone() for weight in job.stepper.trained.weights if weight.grad is not None]


def test_accumulation_changes_nothing(make_run, frozen) -> None:
    """S057: 3 at once, 2 + 1, or one by one."""
    data = frozen(sizes=((64, 64),) * 3)
    ways = [
        ("batch.size=3", "batch.accumulate=1"),
        ("batch.size=2", "batch.accumulate=2"),
        ("batch.size=1", "batch.accumulate=3"),
    ]
    results = [gradients(prepared(make_run(*way, frozen=data))) for way in ways]
    for loss, grads in results[1:]:
        assert loss == pytest.approx(results[0][0], rel=1e-5)
        assert all(
            torch.allclose(mine, first, atol=1e-6) for mine, first in zip(grads, results[0][1], strict=True)
        )


def test_the_loss_is_weighted_by_subset_and_by_snr(make_run, frozen) -> None:
    """S045, S055: weights scale the loss and nothing else of the step."""
    plain, _ = gradients(prepared(make_run(frozen=frozen())))
    half, _ = gradients(prepared(make_run(frozen=frozen(loss_weight=0.5))))
    assert half == pytest.approx(plain / 2, rel=1e-5)
    capped, _ = gradients(prepared(make_run("objective.min_snr_gamma=1e-6", frozen=frozen())))
    assert 0 < capped < plain


def test_the_prior_weight_is_of_regularisation_images_alone(make_run, frozen) -> None:
    """S045: with all images of that kind the loss is multiplied, with none it stays."""
    for regs, share in (((0, 1), 0.25), ((), 1.0)):
        data = frozen(sizes=((64, 64),) * 2, regs=regs)
        plain, _ = gradients(prepared(make_run(frozen=data)))
        other, _ = gradients(prepared(make_run("objective.prior_weight=0.25", frozen=data)))
        assert other == pytest.approx(share * plain, rel=1e-5)


@pytest.mark.parametrize(
    ("base", "knob"),
    [
        ((), "noise_offset=0.3"),
        (("objective.noise_offset=0.3",), "adaptive_noise_scale=0.5"),
        ((), "multires_noise_levels=4"),
        (("objective.multires_noise_levels=4",), "multires_noise_discount=0.9"),
        (("objective.noise_offset=0.3",), "noise_offset_random=true"),
        ((), "ip_noise_gamma=0.3"),
        (("objective.ip_noise_gamma=0.3",), "ip_noise_random=true"),
        ((), "timesteps.sampling=cubic"),
        ((), "timesteps.sampling=logit_normal"),
        (("objective.timesteps.sampling=logit_normal",), "timesteps.logit_normal.mean=2.0"),
        (("objective.timesteps.sampling=logit_normal",), "timesteps.logit_normal.deviation=0.1"),
        ((), "timesteps.start=700"),
        ((), "timesteps.end=100"),
        ((), "loss=l1"),
        ((), "loss=huber"),
        (("objective.loss=huber",), "huber.c=0.5"),
        (("objective.loss=huber",), "huber.schedule=constant"),
        (("objective.loss=smooth_l1", "objective.huber.schedule=exponential"), "huber.scale=2.0"),
        ((), "debiased=true"),
        ((), "v_like_loss=0.1"),
    ],
)
def test_every_knob_of_the_objective_is_trained_with(make_run, frozen, base, knob) -> None:
    """S063, S072: each one changes the loss of a step."""
    data = frozen(sizes=((64, 64),) * 2)
    plain, _ = gradients(prepared(make_run(*base, frozen=data)))
    other, _ = gradients(prepared(make_run(*base, f"objective.{knob}", frozen=data)))
    assert other != plain


def test_gradients_are_cut_to_the_norm_and_reported_whole(make_run, work, events_of) -> None:
    """An SGD-like reading is not possible with AdamW: what is checked is the norm left in the gradients."""
    job = prepared(make_run("optimizer.max_grad_norm=1e-3"))
    batch = next(job.data.feed.batches(0, 1))
    outcome = job.stepper.take(batch).outcome()
    left = torch.cat(
        [weight.grad.flatten() for weight in job.stepper.trained.weights if weight.grad is not None]
    )
    assert outcome.grad_norm > 1e-3
    assert float(left.norm()) == pytest.approx(1e-3, rel=1e-3)
    run = make_run("optimizer.max_grad_norm=0.0", "length.steps=1")
    assert work(run) == 0
    (step,) = [event for event in events_of(run) if isinstance(event, StepDone)]
    assert step.grad_norm == pytest.approx(outcome.grad_norm, rel=1e-4)


def test_every_optimiser_knob_reaches_it(make_run) -> None:
    job = prepared(
        make_run(
            "optimizer.beta1=0.8",
            "optimizer.beta2=0.95",
            "optimizer.weight_decay=0.2",
            "optimizer.epsilon=1e-6",
        )
    )
    for group in job.stepper.optimizer.param_groups:
        assert (group["betas"], group["weight_decay"], group["eps"]) == ((0.8, 0.95), 0.2, 1e-6)
    assert [group["name"] for group in job.stepper.optimizer.param_groups] == ["unet", "text"]


def test_only_the_adapter_moves(make_run) -> None:
    """S060's rule for adapters: the base model is bit-equal after training."""
    job = prepared(make_run())
    family = job.stepper.family
    before = [weight.clone() for part in (family.unet, family.vae) for weight in part.parameters()]
    for batch in job.data.feed.batches(0, 2):
        job.stepper.take(batch)
    after = [weight for part in (family.unet, family.vae) for weight in part.parameters()]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    moved = [bool(module.tensors[UP].any()) for module in job.stepper.trained.modules]
    # attention over a single token (the middle of a 64 px image) has no use for queries and keys
    assert sum(moved) > 0.9 * len(moved)


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
@pytest.mark.parametrize(
    "sets", [("ema.decay=0.9",), ("trains=full", "ema.decay=0.9")], ids=["adapter", "full"]
)
def test_a_step_does_not_look_through_the_modules_of_the_unet(
    request, make_run, monkeypatch, sets: tuple[str, ...], model: str
) -> None:
    """There are thousands in SDXL's, and the GPU waits meanwhile."""
    job = prepared(make_run(*sets, f"model.path={request.getfixturevalue(model)}"))
    batch = next(job.data.feed.batches(0, 1))
    looked: list[torch.nn.Module] = []
    walk = torch.nn.Module.named_modules

    def named_modules(module: torch.nn.Module, *args: object, **named: object) -> object:
        looked.append(module)
        return walk(module, *args, **named)

    monkeypatch.setattr(torch.nn.Module, "named_modules", named_modules)
    job.stepper.take(batch)
    assert not any(module is job.stepper.family.unet for module in looked)
