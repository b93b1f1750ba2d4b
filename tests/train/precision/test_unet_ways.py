"""How a UNet is computed: compiled, by a kernel of attention, with channels last; always to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch._dynamo.utils import counters
from torch.utils._python_dispatch import TorchDispatchMode

from curator.contract.errors import UserError
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.optimizer import Optimizer
from train.adapters.attach import attach
from train.families.conditioning import Conditioning, whole
from train.families.family import AdapterRoots, Family
from train.families.load import load_family
from train.precision import compiled
from train.precision.arithmetic import Arithmetic
from train.precision.attention import check_kernel
from train.precision.capabilities import Capabilities
from train.precision.compiled import compile_unet, uncompiled, way_of

CPU = torch.device("cpu")
HOPPER = Capabilities("NVIDIA H200", is_gpu=True, compute=(9, 0))
PASCAL = Capabilities("NVIDIA P100", is_gpu=True, compute=(6, 0))
BARE = Capabilities("the CPU", has_compiler=False)


@pytest.fixture
def unet() -> UNet2DConditionModel:
    """Two levels, transformers in the first."""
    torch.manual_seed(1)
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        mid_block_type=None,
    )


@pytest.fixture
def graphs(monkeypatch) -> Iterator[CompileCounterWithBackend]:
    """Counts graphs, which are then computed as they are."""
    torch._dynamo.reset()
    counters.clear()
    counter = CompileCounterWithBackend("eager")
    monkeypatch.setattr(compiled, "BACKEND", counter)
    yield counter
    torch._dynamo.reset()


def through(unet: nn.Module, width: int) -> Tensor:
    given = torch.Generator().manual_seed(width)
    noisy, states = (torch.randn(1, 4, 8, width, generator=given), torch.randn(1, 5, 8, generator=given))
    return unet(noisy, torch.tensor([500]), states).sample


@pytest.mark.parametrize("kind", ["lora", "dora"])
@pytest.mark.parametrize(("way", "a_size"), [("regional", 1), ("whole", 1)])
def test_a_compiled_unet_has_no_breaks_and_a_graph_a_size(
    unet, graphs, way: str, a_size: int, kind: str
) -> None:
    """S071: with an adapter as it starts, which changes nothing; the second pass of a size compiles nothing."""
    expected = {width: through(unet.requires_grad_(False), width) for width in (8, 12)}
    adapter = attach(AdapterRoots(unet, ()), Adapter(kind=kind, rank=2, alpha=2.0), Optimizer(), seed=1)
    compile_unet(unet, way)
    for number, width in enumerate((8, 12), start=1):
        found = through(unet, width)
        assert torch.allclose(found, expected[width], atol=1e-5)
        found.square().mean().backward()
        through(unet, width)
        assert graphs.frame_count == number * a_size
    through(unet, 8)
    assert graphs.frame_count == 2 * a_size
    assert not counters["graph_break"]
    assert any(weight.grad is not None for weight in adapter.weights)
    with torch.no_grad(), uncompiled(unet):
        through(unet, 16)
    assert graphs.frame_count == 2 * a_size


@pytest.mark.parametrize(
    ("wanted", "known", "steps", "way"),
    [
        ("off", HOPPER, 10**6, "off"),
        ("auto", HOPPER, 1000, "regional"),
        ("auto", HOPPER, 999, "off"),
        ("auto", PASCAL, 10**6, "off"),
        ("auto", Capabilities("the CPU"), 10**6, "off"),
        ("whole", HOPPER, 1, "whole"),
        ("regional", Capabilities("the CPU"), 1, "regional"),
    ],
)
def test_auto_compiles_where_it_can_and_is_worth_it(wanted, known, steps: int, way: str) -> None:
    assert way_of(wanted, known, steps) == way


@pytest.mark.parametrize(("known", "needs"), [(PASCAL, "compute capability 7.0"), (BARE, "C\\+\\+ compiler")])
def test_what_cannot_be_compiled_is_refused(known: Capabilities, needs: str) -> None:
    with pytest.raises(UserError, match=needs):
        way_of("whole", known, 10**6)


class Ops(TorchDispatchMode):
    """The names of attention's fused operations."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "flash_attention" in str(function) and "backward" not in str(function):
            self.seen.append(str(function))
        return function(*args, **(kwargs or {}))


def predicted(family: Family, told: Conditioning) -> Tensor:
    given = torch.Generator().manual_seed(1)
    return family.predict(torch.randn(1, 4, 12, 8, generator=given), torch.tensor([500]), told)


def test_attention_is_computed_by_the_kernel_that_was_chosen(tiny_model: Path) -> None:
    """S071: also where activations are computed twice."""
    fused = {}
    for name in ("auto", "flash", "math"):
        family = load_family(str(tiny_model))
        family.unet.requires_grad_(True)
        family.use_attention(name)
        family.use_gradient_checkpointing(text=False)
        told = family.condition(["a cat"], [whole((64, 96))])
        with Ops() as ops:
            predicted(family, told).square().mean().backward()
        fused[name] = len(ops.seen)
    assert fused["math"] == 0
    assert fused["flash"] == fused["auto"] > 0


@pytest.mark.parametrize("name", ["cudnn", "efficient"])
def test_a_kernel_the_device_has_not_is_refused(unet, name) -> None:
    with pytest.raises(UserError, match=f"'{name}' has no kernel on this device for heads of 4 numbers"):
        check_kernel(name, unet, CPU, torch.float32)


def test_channels_last_gives_the_same(tiny_model: Path) -> None:
    """S071: gradients too, within rounding; and both parts with convolutions have them so."""
    found = []
    for order in (torch.contiguous_format, torch.channels_last):
        family = load_family(str(tiny_model))
        family.place(Arithmetic(CPU, order=order))
        family.unet.requires_grad_(True)
        out = predicted(family, family.condition(["a cat"], [whole((64, 96))]))
        out.square().mean().backward()
        gradient = torch.cat(
            [weight.grad.flatten() for weight in family.unet.parameters() if weight.grad is not None]
        )
        found.append((out, gradient, family.encode_pictures(torch.ones(1, 3, 32, 32)).mean))
        for part in (family.unet, family.vae.encoder):
            assert part.conv_in.weight.is_contiguous(memory_format=order)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(*found, strict=True))
