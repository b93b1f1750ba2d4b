"""Every kind of adapter: live == merged == the formula written out == lycoris' own forward; saved, read, trained on.

alpha differs from the rank throughout, so that no scale can be forgotten or applied twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from lycoris.functional import factorization
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from curator.contract.errors import UserError
from train.adapters.adapter import AdaptedModule
from train.adapters.kinds import boft
from train.adapters.kinds.kind import Spec
from train.adapters.kinds.table import KINDS
from train.adapters.reading import add_change

RANK, ALPHA = 4, 3.0
THIN = {"factor": 8, "decompose_both": True}
CASES: dict[str, tuple[str, dict, type | None, dict]] = {
    "lora": ("lora", {}, LoConModule, {}),
    "rslora": ("lora", {"rank_stabilized": True}, LoConModule, {"rs_lora": True}),
    "locon tucker": ("locon", {"tucker": True}, LoConModule, {"use_tucker": True}),
    "dora": ("dora", {}, LoConModule, {"weight_decompose": True}),
    "loha": ("loha", {}, LohaModule, {}),
    "loha tucker": ("loha", {"tucker": True}, LohaModule, {"use_tucker": True}),
    "lokr": ("lokr", {"factor": 4}, LokrModule, {"factor": 4}),
    "lokr whole": ("lokr", {"factor": 8, "full_matrix": True}, LokrModule, {"factor": 8, "full_matrix": True}),
    "lokr large first": ("lokr", {"factor": 16, "full_matrix": True}, LokrModule, {"factor": 16, "full_matrix": True}),
    "lokr both thin": ("lokr", THIN, LokrModule, THIN),
    "ia3": ("ia3", {"on_input": False}, IA3Module, {}),
    "ia3 on input": ("ia3", {"on_input": True}, IA3Module, {"train_on_input": True}),
    "glora": ("glora", {}, GLoRAModule, {}),
    "oft": ("oft", {}, DiagOFTModule, {}),
    "oft bound": ("oft", {"constraint": 0.01}, DiagOFTModule, {"constraint": 0.01}),
    "oft rescaled": ("oft", {"rescaled": True}, None, {}),  # lycoris fails: it adds blocks to rows
    "boft": ("boft", {}, ButterflyOFTModule, {}),
    "boft rescaled": ("boft", {"rescaled": True}, ButterflyOFTModule, {"rescaled": True}),
    "dylora": ("dylora", {"unit": 2}, None, {}),  # lycoris draws a rank also where it is merged
}  # fmt: skip
HOSTS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(48, 32),
    "linear without bias": lambda: nn.Linear(32, 64, bias=False),
    "conv 3x3": lambda: nn.Conv2d(16, 32, 3, stride=2, padding=1),
    "conv 1x1": lambda: nn.Conv2d(32, 16, 1),
}
NAME = "lora_unet_module"


def spec_of(case: str, host: nn.Module) -> Spec:
    kind, options, _, _ = CASES[case]
    options = dict(options)
    stabilized = options.pop("rank_stabilized", False)
    return Spec(kind, tuple(host.weight.shape), RANK, ALPHA, stabilized, options=options)


def adapted(spec: Spec, host: nn.Module, stirred: bool = True) -> AdaptedModule:
    """The adapter as it starts, or as after some training."""
    generator = torch.Generator().manual_seed(5)
    kind = KINDS[spec.kind]
    tensors = {name: torch.empty(shape) for name, shape in kind.shapes(spec).items()}
    kind.start(spec, tensors, host.weight.detach(), generator)
    if stirred:
        for tensor in tensors.values():
            tensor.add_(0.2 * torch.randn(tensor.shape, generator=generator))
    weights = {name: nn.Parameter(tensor) for name, tensor in tensors.items()}
    module = AdaptedModule(name=NAME, spec=spec, host=host, tensors=weights, group="unet", rate=1.0)
    module.training = False
    return module


def made(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(1)
    host = HOSTS[name]().requires_grad_(False)
    shape = (2, host.in_channels, 9, 9) if isinstance(host, nn.Conv2d) else (2, 5, host.in_features)
    return host, torch.randn(shape)


def merged(module: AdaptedModule, x: torch.Tensor) -> torch.Tensor:
    """What the host says once the file was added to its weight."""
    torch.manual_seed(1)
    host = next(each() for each in HOSTS.values() if each().weight.shape == module.host.weight.shape)
    host.load_state_dict(module.host.state_dict())
    add_change(host.requires_grad_(False), NAME, module.file_tensors(), 1.0)
    return host(x)


def fits(case: str, host_name: str) -> bool:
    return not (case.startswith("ia3") and host_name.startswith("conv"))  # there are none among its modules


PAIRS = [(case, host) for case in CASES for host in HOSTS if fits(case, host)]


@pytest.mark.parametrize(("case", "host_name"), PAIRS)
def test_live_is_merged_is_lycoris(case: str, host_name: str) -> None:
    host, x = made(host_name)
    plain = host(x)
    new = adapted(spec_of(case, host), host, stirred=False)
    assert torch.allclose(new.forward(x), plain, atol=1e-5)  # a new adapter changes nothing
    module = adapted(spec_of(case, host), host)
    live = module.forward(x)
    assert (live - plain).abs().max() > 0.02
    assert torch.allclose(live, merged(module, x), atol=2e-5)
    _, _, reference, options = CASES[case]
    if reference is not None:
        theirs = lycoris_forward(reference, module, host, options, x)
        assert torch.allclose(live, theirs, atol=5e-5)


def lycoris_forward(kind: type, module: AdaptedModule, host: nn.Module, options: dict, x) -> torch.Tensor:
    """What lycoris' own module says with the same weights."""
    theirs = kind(NAME, host, 1.0, RANK, ALPHA, **options)
    own = dict(theirs.named_parameters())
    for name, tensor in module.tensors.items():
        own[name].data.copy_(tensor.reshape(own[name].shape))
    theirs.eval()
    theirs.apply_to()
    said = host(x)
    host.forward = theirs.org_forward
    return said


@pytest.mark.parametrize(("case", "host_name"), PAIRS)
def test_gradients_are_those_of_the_changed_weight(case: str, host_name: str) -> None:
    """Also through gradients written by hand: as plain autograd has them through W + delta, and of the inputs."""
    host, x = made(host_name)
    module = adapted(spec_of(case, host), host)
    weights = list(module.tensors.values())
    x.requires_grad_()
    said = module.forward(x)
    loss = torch.randn(said.shape, generator=torch.Generator().manual_seed(6))
    live = torch.autograd.grad((said * loss).sum(), [x, *weights])
    changed = host.weight + KINDS[module.spec.kind].delta(module.spec, module.tensors, host.weight)
    whole = torch.func.functional_call(host, {"weight": changed}, (x,))
    for mine, expected in zip(live, torch.autograd.grad((whole * loss).sum(), [x, *weights]), strict=True):
        assert torch.allclose(mine, expected, rtol=1e-4, atol=2e-5 * float(expected.abs().max()) + 1e-6)


def _dora(t: dict[str, torch.Tensor], w: torch.Tensor) -> torch.Tensor:
    v = w + 0.75 * t["lora_up.weight"] @ t["lora_down.weight"]
    return t["dora_scale"] * v / v.square().sum(dim=1, keepdim=True).sqrt() - w


def _oft(blocks: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    side = blocks.shape[-1]
    eye = torch.eye(side)
    turned = []
    for block, rows in zip(blocks, w.split(side), strict=True):
        q = block - block.T
        turned.append(((eye + q) @ torch.linalg.inv(eye - q)).T @ rows)
    return torch.cat(turned) - w


FORMULAS: dict[str, Callable[[dict[str, torch.Tensor], torch.Tensor], torch.Tensor]] = {
    "lora": lambda t, w: 0.75 * t["lora_up.weight"] @ t["lora_down.weight"],
    "rslora": lambda t, w: 3 / math.sqrt(4) * t["lora_up.weight"] @ t["lora_down.weight"],
    "dora": _dora,
    "loha": lambda t, w: 0.75 * (t["hada_w1_a"] @ t["hada_w1_b"]) * (t["hada_w2_a"] @ t["hada_w2_b"]),
    "lokr": lambda t, w: 0.75 * torch.kron(t["lokr_w1"], t["lokr_w2_a"] @ t["lokr_w2_b"]),
    "lokr whole": lambda t, w: torch.kron(t["lokr_w1"], t["lokr_w2"]),
    "ia3": lambda t, w: t["weight"][:, None] * w,
    "glora": lambda t, w: 0.75 * (w @ t["a1.weight"] @ t["a2.weight"] + t["b1.weight"] @ t["b2.weight"]),
    "oft": lambda t, w: _oft(t["oft_blocks"], w),
    "dylora": lambda t, w: 0.75 * sum(t[f"lora_up.weight.{i}"] @ t[f"lora_down.weight.{i}"] for i in (0, 1)),
}


@pytest.mark.parametrize("case", FORMULAS)
def test_the_change_is_the_formula(case: str) -> None:
    host, _ = made("linear")
    module = adapted(spec_of(case, host), host)
    tensors = {name: tensor.detach() for name, tensor in module.tensors.items()}
    expected = FORMULAS[case](tensors, host.weight)
    change = KINDS[module.spec.kind].delta(module.spec, tensors, host.weight)
    assert torch.allclose(change, expected, atol=1e-5)


def test_turned_weights_keep_their_lengths() -> None:
    """What OFT and BOFT are for: columns keep their length, and outputs are mixed across all blocks by BOFT alone."""
    host, _ = made("linear")
    for case in ("oft", "boft"):
        module = adapted(spec_of(case, host), host)
        changed = host.weight + KINDS[case].delta(module.spec, module.tensors, host.weight)
        assert torch.allclose(changed.norm(dim=0), host.weight.norm(dim=0), atol=1e-5)
    eye = torch.eye(32)
    module = adapted(Spec("boft", (32, 32), RANK), nn.Linear(32, 32))
    assert (KINDS["boft"].delta(module.spec, module.tensors, eye) + eye).abs().gt(1e-6).all()


@pytest.mark.parametrize(
    "layer", [lambda: nn.LayerNorm(16), lambda: nn.GroupNorm(4, 16)], ids=["layer", "group"]
)
def test_norms(layer: Callable[[], nn.Module]) -> None:
    host = layer().requires_grad_(False)
    x = torch.randn(2, 16, 16)
    module = adapted(Spec("norm", (16,)), host)
    theirs = NormModule(NAME, host)
    for name in ("w_norm", "b_norm"):
        theirs.get_parameter(name).data.copy_(module.tensors[name])
    theirs.apply_to()
    expected = host(x)
    host.forward = theirs.org_forward
    assert torch.allclose(module.forward(x), expected, atol=1e-6)
    add_change(host, NAME, module.file_tensors(), 1.0)
    assert torch.allclose(host(x), expected, atol=1e-6)


@pytest.mark.parametrize(("case", "host_name"), PAIRS)
def test_a_file_is_trained_on(case: str, host_name: str) -> None:
    """What a file keeps is what was trained."""
    host, _ = made(host_name)
    module = adapted(spec_of(case, host), host)
    floats = {
        name: tensor for name, tensor in module.file_tensors().items() if name not in ("alpha", "on_input")
    }
    again = module.kind.restore(module.spec, floats)
    assert again.keys() == module.tensors.keys()
    assert all(torch.allclose(again[name], module.tensors[name], atol=1e-6) for name in again)


def test_lokr_means_the_same_under_every_rule_of_alpha() -> None:
    """Some programs divide alpha by the rank always, some only beside a thin factor, some never: the file says rank."""
    for case in ("lokr", "lokr whole", "lokr both thin"):
        host, _ = made("linear")
        tensors = adapted(spec_of(case, host), host).file_tensors()
        assert float(tensors["alpha"]) == RANK


def test_dylora_trains_one_unit_on_those_before_it() -> None:
    host, x = made("linear")
    module = adapted(spec_of("dylora", host), host)
    module.training = True
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        for tensor in module.tensors.values():
            tensor.grad = None
        module.forward(x).square().sum().backward()
        moved = tuple(name for name, tensor in module.tensors.items() if tensor.grad is not None)
        assert len(moved) == 2
        seen.add(moved)
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("outputs", "dtype"), [(128, torch.float32), (64, torch.float32), (128, torch.bfloat16)]
)
def test_boft_is_the_same_of_many_columns_as_of_few(outputs: int, dtype: torch.dtype) -> None:
    """Many go through two stages at once, of an odd number of stages the last alone; autocast has no say in it."""
    spec = Spec("boft", (outputs, 4), 8)
    generator = torch.Generator().manual_seed(3)
    blocks = 0.2 * torch.randn(KINDS["boft"].shapes(spec)["oft_blocks"], generator=generator)
    columns = torch.randn(outputs, 96, generator=generator).to(dtype)
    pull = torch.randn(outputs, 96, generator=generator).to(dtype)
    found = []
    for parts in (columns[None], columns.split(32, dim=1)):
        trained, given = blocks.clone().requires_grad_(), [part.clone().requires_grad_() for part in parts]
        with torch.autocast("cpu", torch.bfloat16):
            said = torch.cat([boft.turned(spec, {"oft_blocks": trained}, part) for part in given], 1)
        said.backward(pull)
        of_columns = torch.cat([part.grad for part in given if part.grad is not None], 1)
        found.append((said, of_columns, trained.grad))
    assert found[0][0].dtype is dtype
    for one, other in zip(*found, strict=True):
        assert one is not None
        assert other is not None
        assert (one - other).norm() < (1e-5 if dtype is torch.float32 else 0.02) * other.norm()


def test_boft_says_where_it_cannot_cut() -> None:
    with pytest.raises(UserError, match="cannot cut 33 outputs"):
        KINDS["boft"].shapes(Spec("boft", (33, 8), 4))


LIMITS = {"loha": 3.2, "boft": 3.2} | dict.fromkeys(sorted({*KINDS} - {"norm", "loha", "boft"}), 2.6)
_OPTIONS = {"lokr": {"factor": 16, "full_matrix": True}, "dylora": {"unit": 4}, "ia3": {"on_input": False}}


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("layer", ["linear", "conv"])
def test_a_step_costs_little_more_than_a_frozen_layer(kind: str, layer: str) -> None:
    """Products of a step as a multiple of a plain forward, at the sizes of SD 1.5 at 512 px, batch of 4, rank 16."""
    if kind == "ia3" and layer == "conv":
        pytest.skip("has none")
    with torch.device("meta"):
        hosts = {"linear": nn.Linear(640, 640), "conv": nn.Conv2d(640, 640, 3, padding=1)}
        x = {"linear": torch.empty(4, 1024, 640), "conv": torch.empty(4, 640, 32, 32)}[layer]
        host = hosts[layer].requires_grad_(False)
        spec = Spec(kind, tuple(host.weight.shape), 16, 8.0, options=_OPTIONS.get(kind, {}))
        tensors = {name: nn.Parameter(torch.empty(shape)) for name, shape in KINDS[kind].shapes(spec).items()}
    module = AdaptedModule(name=NAME, spec=spec, host=host, tensors=tensors, group="unet", rate=1.0)
    plain, step = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with plain:
        host(x)
    x.requires_grad_()
    with step:
        module.forward(x).sum().backward()
    assert step.get_total_flops() / plain.get_total_flops() <= LIMITS[kind]


def test_factors_are_lycoris() -> None:
    """The sides of LoKr's matrices, for sizes of SD layers."""
    shapes = KINDS["lokr"].shapes(Spec("lokr", (1280, 320), 8, options={"factor": 8}))
    assert shapes["lokr_w1"] == (factorization(1280, 8)[0], factorization(320, 8)[0]) == (8, 8)


@pytest.mark.parametrize(("case", "host_name"), PAIRS)
def test_a_pass_leaves_nothing_behind(case: str, host_name: str) -> None:
    """S071: what is kept of the frozen weight is there before, or a compiled graph would be made twice."""
    host, x = made(host_name)
    module = adapted(spec_of(case, host), host)
    before = {**vars(module), "kept": dict(module.kept)}
    module.forward(x)
    assert {**vars(module), "kept": dict(module.kept)} == before
