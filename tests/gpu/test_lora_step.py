"""On a GPU: a LoRA step agrees with the CPU's, in float32 closely and in bf16 within its precision (S056).

Also with long, weighted captions and a mask (S025, S026), and where kept and live images stand in one batch (S040).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate.utils import send_to_device

from curator.contract.epoch_plan import Sample
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.objective import Objective
from curator.contract.recipe.recipe import Optimizer
from train.adapters.attach import attach
from train.data.batches import Item
from train.data.images import Cut, LoadedSample, to_model_range
from train.data.latents import Inputs, Latents, encode, moments_of
from train.families.clip_text import PLAIN_TEXT, TextRules
from train.families.conditioning import Framing, whole
from train.families.load import load_family
from train.objective.loss import sample_losses
from train.objective.noise import draw_noise
from train.objective.noise_schedule import add_noise
from train.precision.arithmetic import Arithmetic
from train.tiny.base import build, save

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


@pytest.fixture(scope="module", params=["sd1", "sdxl"])
def tiny_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save(build(seed=0, family=request.param), folder)
    return folder


LONG = TextRules(weighted=True, max_tokens=150)
CAPTIONS = ["a (cat:1.3) on a [mat], " * 20, ""]


def loss_and_gradient(model: Path, device: str, half: bool, text: TextRules) -> tuple[float, torch.Tensor]:
    family = load_family(str(model), text=text)
    family.place(Arithmetic(torch.device(device), torch.bfloat16 if half else torch.float32))
    knobs = Adapter(rank=4, alpha=4.0, conv_rank=2, conv_alpha=2.0)
    adapter = attach(family.adapter_roots, knobs, Optimizer(), seed=1)
    generator = torch.Generator().manual_seed(2)
    for weight in adapter.weights:
        weight.data.copy_(0.05 * torch.randn(weight.shape, generator=generator))
    samples = [Sample(0, row, 0) for row in range(2)]
    noise = draw_noise(samples, (4, 16, 16), 1, Objective()).plain
    timesteps = torch.tensor([100, 800])
    noisy = add_noise(noise * 0.3, noise, family.alphas_cumprod[timesteps]).to(device)
    framings = [Framing((640, 480), (8, 0), (128, 128)), whole((128, 128))]
    with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
        told = family.condition(CAPTIONS, framings)
        predicted = family.predict(noisy, timesteps.to(device), told)
    mask = torch.linspace(0, 1, 16).expand(2, 1, 16, 16).to(device)
    loss = sample_losses(predicted, noise.to(device), mask, 0.1).mean()
    loss.backward()
    gradient = torch.cat([w.grad.flatten().cpu() for w in adapter.weights if w.grad is not None])
    return float(loss), gradient


@pytest.mark.parametrize("text", [PLAIN_TEXT, LONG], ids=["75 tokens", "150 tokens, weighted"])
@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-3), (True, 5e-2)])
def test_a_gpu_step_is_the_cpus(tiny_model: Path, half: bool, tolerance: float, text: TextRules) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    loss, gradient = loss_and_gradient(tiny_model, "cpu", half=False, text=text)
    other_loss, other = loss_and_gradient(tiny_model, "cuda", half=half, text=text)
    assert other_loss == pytest.approx(loss, rel=tolerance)
    assert float((other - gradient).norm() / gradient.norm()) < 4 * tolerance


def test_kept_and_live_pictures_on_a_gpu_are_the_cpus(tiny_model: Path) -> None:
    """Several live images are encoded at once; all come back in the order of the items, with their masks."""
    torch.backends.cudnn.allow_tf32 = False
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (4, 3, 64, 96), dtype=torch.uint8, generator=generator)
    masks = torch.rand(4, 8, 12, generator=generator)
    found = []
    for device in ("cpu", "cuda"):
        family = load_family(str(tiny_model))
        family.place(Arithmetic(torch.device(device)))
        alone = encode(family, to_model_range(pixels[1][None]))
        kept = (torch.stack([alone.mean[0], alone.logvar[0]]), masks[1])
        items = [
            _item(row, None, kept) if row == 1 else _item(row, LoadedSample(pixels[row], masks[row]), None)
            for row in (2, 1, 0, 3)
        ]
        inputs = send_to_device(tuple(Latents(family).of(items)), device)
        moments = moments_of(family, Inputs(*inputs))
        found.append((moments.mean.cpu(), moments.logvar.cpu(), inputs[3].cpu()))
    one, other = found
    assert torch.allclose(one[0], other[0], atol=1e-3)
    assert torch.allclose(one[1], other[1], atol=1e-3)
    assert torch.equal(one[2], other[2])


def _item(row: int, seen: LoadedSample | None, kept: tuple[torch.Tensor, ...] | None) -> Item:
    sample = Sample(0, row, 0)
    return Item(
        sample=sample,
        shown=sample,
        name="",
        cut=Cut((0, 0, 96, 64), False),
        framing=whole((96, 64)),
        caption="",
        loss_weight=1.0,
        is_reg=False,
        loaded=seen,
        kept=kept,
    )
