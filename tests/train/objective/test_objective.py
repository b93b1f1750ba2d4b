"""Noise, timesteps, and weights against their formulas (S055, S063, S069)."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.contract.recipe.objective import Huber, LogitNormal, Objective, Timesteps
from train.objective.loss import errors_of, mean_errors, sample_losses, target_of
from train.objective.noise import draw_noise, keyed_normal, noise_of, perturbed, posterior_noise
from train.objective.noise_schedule import add_noise, alphas_cumprod, velocity
from train.objective.timesteps import sample_timesteps
from train.objective.weights import LEAST_SNR, weights_of

SAMPLES = [Sample(epoch, row, copy) for epoch in range(2) for row in range(3) for copy in range(2)]
SD1 = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}


def sample_noise(samples, latents: torch.Tensor, seed: int, rule: Objective) -> torch.Tensor:
    return noise_of(draw_noise(samples, latents.shape[1:], seed, rule), latents, rule)


def test_noise_belongs_to_the_sample_not_to_the_batch() -> None:
    rule = Objective(
        noise_offset=0.1, adaptive_noise_scale=0.2, multires_noise_levels=6, multires_noise_discount=0.5
    )
    latents = torch.randn(len(SAMPLES), 4, 8, 6)
    together = sample_noise(SAMPLES, latents, 1, rule)
    alone = [sample_noise([s], latent[None], 1, rule)[0] for s, latent in zip(SAMPLES, latents, strict=True)]
    assert torch.equal(together, torch.stack(alone))
    assert len({tuple(noise.flatten().tolist()) for noise in together}) == len(SAMPLES)
    assert not torch.equal(together, sample_noise(SAMPLES, latents, 2, rule))
    assert not torch.equal(together, posterior_noise(SAMPLES, (4, 8, 6), seed=1))


def test_noise_offset_moves_channels_by_its_size() -> None:
    """S063: the mean of each (sample, channel) is shifted with variance offset^2."""
    samples = [Sample(0, row, 0) for row in range(1500)]
    latents = torch.zeros(1500, 4, 2, 2)
    plain, moved = (sample_noise(samples, latents, 1, Objective(noise_offset=size)) for size in (0.0, 0.05))
    shift = moved - plain
    assert torch.allclose(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-6)
    assert float(shift[:, :, 0, 0].std()) == pytest.approx(0.05, rel=0.05)


def test_an_adaptive_offset_follows_the_mean_of_the_latents() -> None:
    """S072: offset + scale * |mean over height and width|, never below 0; it scales the very same draw."""
    latents = torch.randn(len(SAMPLES), 4, 6, 6) + torch.tensor([-2.0, -0.5, 0.5, 3.0]).view(4, 1, 1)
    zero = torch.zeros_like(latents)
    plain = sample_noise(SAMPLES, latents, 1, Objective())
    draw = (sample_noise(SAMPLES, zero, 1, Objective(noise_offset=0.1)) - plain) / 0.1
    means = latents.mean(dim=(2, 3), keepdim=True).abs()
    for scale in (0.05, -0.08):
        rule = Objective(noise_offset=0.1, adaptive_noise_scale=scale)
        wanted = plain + (0.1 + scale * means).clamp(min=0) * draw
        assert torch.allclose(sample_noise(SAMPLES, latents, 1, rule), wanted, atol=1e-5)
    assert bool((0.1 - 0.08 * means < 0).any())


@pytest.mark.parametrize("size", [(64, 64), (48, 96), (8, 3)])
def test_noise_of_many_sizes(size) -> None:
    """S072: deviation 1, as many levels as the size has, coarser ones felt; one level doubles the finest."""
    latents = torch.zeros(8, 4, *size)
    samples = SAMPLES[:8]

    def noise(levels: int, discount: float) -> torch.Tensor:
        rule = Objective(multires_noise_levels=levels, multires_noise_discount=discount)
        return sample_noise(samples, latents, 1, rule)

    plain = sample_noise(samples, latents, 1, Objective())
    many = noise(10, 0.8)
    assert torch.allclose(many.std(dim=(1, 2, 3)), torch.ones(8), atol=1e-5)
    assert torch.equal(many, noise(20, 0.8))
    assert not torch.allclose(many, noise(1, 0.8))
    coarse, fine = (each.mean(dim=(2, 3)).std() for each in (many, plain))
    assert float(coarse) > 1.2 * float(fine)
    assert torch.equal(noise(2, 0.0), noise(1, 0.3))  # the first level has full strength at any discount


def test_each_resolution_is_a_half_to_a_quarter_of_the_one_before(monkeypatch) -> None:
    """S072: the side divided by r^level, with r drawn from 2 to 4."""
    sides: dict[int, list[int]] = {}

    def noted(shape, *parts: int) -> torch.Tensor:
        if len(shape) == 4:
            sides.setdefault(parts[-2], []).append(shape[2])
        return keyed_normal(shape, *parts)

    monkeypatch.setattr("train.objective.noise.keyed_normal", noted)
    samples = [Sample(0, row, 0) for row in range(300)]
    draw_noise(samples, (1, 128, 128), 1, Objective(multires_noise_levels=3, multires_noise_discount=0.3))
    assert [(min(each), max(each)) for each in sides.values()] == [
        (128, 128),
        (pytest.approx(32, abs=1), pytest.approx(63, abs=1)),
        (pytest.approx(8, abs=1), pytest.approx(31, abs=2)),
    ]


def test_timesteps_are_spread_and_keyed() -> None:
    samples = [Sample(0, row, 0) for row in range(5000)]
    steps = sample_timesteps(samples, 1000, 3, Timesteps())
    assert (int(steps.min()), int(steps.max())) >= (0, 980)
    assert float(steps.float().mean()) == pytest.approx(499.5, abs=15)
    assert torch.equal(steps[7:9], sample_timesteps(samples[7:9], 1000, 3, Timesteps()))


@pytest.mark.parametrize(
    ("knobs", "median"),
    [
        (Timesteps(), 500.0),
        (Timesteps(start=200, end=400), 300.0),
        (Timesteps("cubic"), 875.0),  # 1 - 0.5^3
        (Timesteps("cubic", 100, 200), 187.5),
        (Timesteps("logit_normal"), 500.0),
        (Timesteps("logit_normal", logit_normal=LogitNormal(1.0, 0.5)), 1000 / (1 + math.exp(-1.0))),
        (Timesteps("logit_normal", 0, 500, LogitNormal(-1.0, 0.2)), 500 / (1 + math.exp(1.0))),
    ],
)
def test_samplings_of_timesteps(knobs, median) -> None:
    """S072: each sampling's own median, which a monotone map of a uniform draw has; never outside start and end."""
    samples = [Sample(0, row, 0) for row in range(4001)]
    steps = sample_timesteps(samples, 1000, 3, knobs)
    assert (int(steps.min()), int(steps.max())) >= (knobs.start, 0)
    assert int(steps.max()) < knobs.end
    assert float(steps.float().median()) == pytest.approx(median, abs=0.02 * (knobs.end - knobs.start))
    fewer = sample_timesteps(samples[:500], 50, 3, Timesteps(knobs.sampling, logit_normal=knobs.logit_normal))
    assert (int(fewer.min()) >= 0) & (int(fewer.max()) < 50)


def test_the_spread_of_logit_normal() -> None:
    """Two thirds within one deviation: the logistic of -1 and 1."""
    samples = [Sample(0, row, 0) for row in range(4001)]
    steps = sample_timesteps(samples, 1000, 3, Timesteps("logit_normal"))
    within = ((steps > 1000 / (1 + math.e)) & (steps < 1000 / (1 + math.exp(-1)))).float().mean()
    assert float(within) == pytest.approx(0.6827, abs=0.02)


def test_random_strengths_are_each_samples_own() -> None:
    """S072: between nothing and the whole; the draw itself is the same."""
    samples = [Sample(0, row, 0) for row in range(800)]
    flat = torch.zeros(800, 4, 2, 2)
    plain = sample_noise(samples, flat, 1, Objective())
    whole = sample_noise(samples, flat, 1, Objective(noise_offset=0.5)) - plain
    random = sample_noise(samples, flat, 1, Objective(noise_offset=0.5, noise_offset_random=True)) - plain
    shares = (random / whole)[:, 0, 0, 0]
    assert torch.allclose(random, whole * shares.view(-1, 1, 1, 1), atol=1e-5)
    assert (float(shares.min()), float(shares.max())) == pytest.approx((0.0, 1.0), abs=0.02)
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.04)


def test_perturbed_input() -> None:
    """S072: what is seen has more noise, of deviation sqrt(1 + gamma^2); without gamma it is the very noise."""
    samples = [Sample(0, row, 0) for row in range(300)]
    noise = sample_noise(samples, torch.zeros(300, 4, 8, 8), 1, Objective())

    def seen(**knobs: Any) -> torch.Tensor:
        return perturbed(noise, draw_noise(samples, (4, 8, 8), 1, Objective(**knobs)))

    assert seen() is noise
    more = seen(ip_noise_gamma=0.5) - noise
    assert float(more.std()) == pytest.approx(0.5, rel=0.02)
    assert abs(float((more * noise).mean())) < 0.01
    random = seen(ip_noise_gamma=0.5, ip_noise_random=True) - noise
    shares = random.flatten(1).norm(dim=1) / more.flatten(1).norm(dim=1)
    assert torch.allclose(random, more * shares.view(-1, 1, 1, 1), atol=1e-5)
    assert (float(shares.min()), float(shares.max())) == pytest.approx((0.0, 1.0), abs=0.03)
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.06)


def test_the_schedule_is_the_models_own() -> None:
    theirs = DDIMScheduler(**SD1)
    ours = alphas_cumprod(SD1)
    assert torch.allclose(ours, theirs.alphas_cumprod, atol=1e-6)
    x, noise, t = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2), torch.tensor([0, 500, 999])
    assert torch.allclose(add_noise(x, noise, ours[t]), theirs.add_noise(x, noise, t), atol=1e-5)
    assert torch.allclose(velocity(x, noise, ours[t]), theirs.get_velocity(x, noise, t), atol=1e-5)
    zero = alphas_cumprod({**SD1, "rescale_betas_zero_snr": True})
    assert torch.allclose(zero, DDIMScheduler(**SD1, rescale_betas_zero_snr=True).alphas_cumprod, atol=1e-5)
    assert float(zero[-1]) == pytest.approx(0.0, abs=1e-7)
    with pytest.raises(UserError, match="squaredcos"):
        alphas_cumprod({"beta_schedule": "squaredcos_cap_v2"})


ALPHAS = torch.tensor([0.9999, 0.999, 0.9, 0.5, 0.01, 0.0])


@pytest.mark.parametrize(
    ("knobs", "prediction", "formula"),
    [
        ({"debiased": True}, "epsilon", lambda s: 1 / math.sqrt(min(s, 1000))),
        ({"debiased": True}, "v_prediction", lambda s: 1 / (min(s, 1000) + 1)),
        ({"scale_v_like_noise": True}, "v_prediction", lambda s: min(s, 1000) / (min(s, 1000) + 1)),
        ({"scale_v_like_noise": True}, "epsilon", lambda s: 1.0),
        ({"v_like_loss": 0.1}, "epsilon", lambda s: 1 + 0.1 * (min(s, 1000) + 1) / min(s, 1000)),
        ({"v_like_loss": 0.1}, "v_prediction", lambda s: 1.0),
        (
            {"min_snr_gamma": 5.0, "debiased": True},
            "v_prediction",
            lambda s: min(s, 5) / (s + 1) / (min(s, 1000) + 1),
        ),
        ({}, "epsilon", lambda s: 1.0),
    ],
)
def test_weights_by_signal_to_noise(knobs, prediction, formula) -> None:
    """S055: kohya's formulas; finite where there is no signal, and no heavier there than at SD's own last timestep."""
    weights = weights_of(ALPHAS, Objective(**knobs), prediction)
    expected = [formula(float(alpha / (1 - alpha))) for alpha in ALPHAS[:-1]]
    assert weights[:-1].tolist() == pytest.approx(expected, rel=1e-4)
    last = formula(0.0) if prediction == "v_prediction" else formula(LEAST_SNR)
    assert float(weights[-1]) == pytest.approx(last, rel=1e-4)


HUBER_C = {
    "constant": lambda a, t, c: c * 2.0,
    "exponential": lambda a, t, c: math.exp(t * math.log(c) / 1000) * 2.0,
    "snr": lambda a, t, c: (1 - c) / (1 + math.sqrt((1 - a) / a)) ** 2 + c if a else c,
}


@pytest.mark.parametrize("schedule", sorted(HUBER_C))
@pytest.mark.parametrize("loss", ["l1", "l2", "huber", "smooth_l1"])
def test_losses(loss, schedule) -> None:
    """Closed forms of all losses, with Huber's c at three timesteps, the last of which has no signal."""
    alphas, times = torch.tensor([0.9, 0.3, 0.0]), torch.tensor([100, 600, 999])
    predicted, target = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    predicted[0, 0] = target[0, 0] + 1e-6
    objective = Objective(loss=loss, huber=Huber(schedule, 0.2, 2.0))
    errors = errors_of(predicted, target, objective, alphas, times / 1000)
    for at in range(3):
        c = HUBER_C[schedule](float(alphas[at]), int(times[at]), 0.2)
        d = (predicted[at] - target[at]).double()
        smooth = 2 * ((d.square() + c * c).sqrt() - c)
        wanted = {"l1": d.abs(), "l2": d.square(), "huber": c * smooth, "smooth_l1": smooth}[loss]
        assert torch.allclose(errors[at].double(), wanted, rtol=1e-4, atol=1e-9)
    assert bool((errors[0, 0] > 0).all()) or loss == "l1"
    assert torch.allclose(mean_errors(errors, None, 0.0), errors.flatten(1).mean(1))


def test_min_snr_closed_forms() -> None:
    """S055: gamma 5; epsilon min(snr, g) / snr, v min(snr, g) / (snr + 1); finite where there is no signal."""
    alphas = torch.tensor([0.999, 0.9, 0.5, 0.01, 0.0])
    gamma = Objective(min_snr_gamma=5.0)
    snr = alphas / (1 - alphas)
    epsilon = weights_of(alphas, gamma, "epsilon")
    assert torch.allclose(epsilon[:4], torch.minimum(snr, torch.tensor(5.0))[:4] / snr[:4])
    assert float(epsilon[4]) == 1.0
    v = weights_of(alphas, gamma, "v_prediction")
    assert torch.allclose(v, torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))
    assert torch.equal(weights_of(alphas, Objective(), "epsilon"), torch.ones(5))


def test_targets_and_losses() -> None:
    """S069: epsilon aims at the noise, v at the velocity; each sample has its own loss."""
    x, noise, alphas = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3), torch.tensor([0.3, 0.8])
    assert torch.equal(target_of("epsilon", x, noise, alphas), noise)
    assert torch.equal(target_of("v_prediction", x, noise, alphas), velocity(x, noise, alphas))
    assert torch.allclose(sample_losses(x, noise), (x - noise).square().flatten(1).mean(1))
