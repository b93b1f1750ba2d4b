"""On a GPU: a LoRA step agrees with the CPU's, in float32 closely and in bf16 within its precision (S056)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from curator.contract.epoch_plan import Sample
from train.adapters.lora import LoraShape, attach_lora
from train.families.conditioning import Framing, whole
from train.families.load import load_family
from train.objective.noise import sample_noise
from train.objective.noise_schedule import add_noise
from train.tiny_base import build, save

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


@pytest.fixture(scope="module", params=["sd1", "sdxl"])
def tiny_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save(build(seed=0, family=request.param), folder)
    return folder


def loss_and_gradient(model: Path, device: str, half: bool) -> tuple[float, torch.Tensor]:
    family = load_family(str(model))
    family.place(torch.device(device), torch.bfloat16 if half else torch.float32)
    adapter = attach_lora(family.adapter_roots, LoraShape(4, 4.0, conv_rank=2, conv_alpha=2.0), seed=1)
    generator = torch.Generator().manual_seed(2)
    for weight in adapter.weights:
        weight.data.copy_(0.05 * torch.randn(weight.shape, generator=generator))
    samples = [Sample(0, row, 0) for row in range(2)]
    noise = sample_noise(samples, (4, 16, 16), 1, 0.0)
    timesteps = torch.tensor([100, 800])
    noisy = add_noise(noise * 0.3, noise, family.alphas_cumprod[timesteps]).to(device)
    framings = [Framing((640, 480), (8, 0), (128, 128)), whole((128, 128))]
    with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
        told = family.condition(["a cat", ""], framings)
        predicted = family.predict(noisy, timesteps.to(device), told)
    loss = (predicted - noise.to(device)).square().mean()
    loss.backward()
    gradient = torch.cat([w.grad.flatten().cpu() for w in adapter.weights if w.grad is not None])
    return float(loss), gradient


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-3), (True, 5e-2)])
def test_a_gpu_step_is_the_cpus(tiny_model: Path, half: bool, tolerance: float) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    loss, gradient = loss_and_gradient(tiny_model, "cpu", half=False)
    other_loss, other = loss_and_gradient(tiny_model, "cuda", half=half)
    assert other_loss == pytest.approx(loss, rel=tolerance)
    assert float((other - gradient).norm() / gradient.norm()) < 4 * tolerance
