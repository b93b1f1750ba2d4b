"""Attaching of an adapter: which modules it changes, what files call them, and what each of them gets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, key
from curator.contract.recipe.adapter_rules import NONE, AdapterRule
from train.adapters.adapter import AdaptedModule, Adapter
from train.adapters.choice import Block, block_of, is_wide, takes
from train.adapters.kinds.ia3 import on_input
from train.adapters.kinds.kind import Spec
from train.adapters.kinds.table import KINDS
from train.trained.rates import TEXT, TEXT_2, UNET, check_encoders, group_of

if TYPE_CHECKING:
    from curator.contract.recipe.adapter import Adapter as AdapterKnobs
    from curator.contract.recipe.recipe import Optimizer
    from train.families.family import AdapterRoots

_ADAPTED = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm)


@dataclass(frozen=True)
class Target:
    """A module an adapter may change: its name in files, after its path too, its path in the model, and its part.

    `block` is the one of kohya's that it lies in, `is_read` whether anything of the model depends on it: layers behind
    the clip skip are never read, and never see a gradient.
    """

    name: str
    plain_name: str
    path: str
    part: str
    module: nn.Module
    block: Block
    is_read: bool

    def fits(self, rule: AdapterRule) -> bool:
        """Whether a rule is of this module: by its name in files, which for SDXL is not its path, or by its path."""
        return rule.fits(self.name) or rule.fits(self.plain_name)


@dataclass(frozen=True)
class Wish:
    """What a recipe wants of one module. `rate` is its learning rate, and `group` what it is reported under."""

    target: Target
    spec: Spec
    rate: float
    group: str


def attach(roots: AdapterRoots, knobs: AdapterKnobs, rates: Optimizer, seed: int) -> Adapter:
    """A new adapter that changes nothing yet; its start is a function of the seed and each module's name.

    Raises:
        UserError: nothing would be trained, a rule fits no module, or a kind cannot follow a module's size.
    """
    wanted = wishes(roots, knobs, rates)
    modules = [_attached(wish, seed) for wish in wanted if wish.target.is_read]
    for module in modules:
        module.attach()
    idle = [_attached(wish, seed, rests=True) for wish in wanted if not wish.target.is_read]
    return Adapter(modules, idle)


def wishes(roots: AdapterRoots, knobs: AdapterKnobs, rates: Optimizer) -> list[Wish]:
    """What each module of the file gets, in the order of the weights.

    Modules that are never read stand in it as they start, as in kohya's files, and are not trained.

    Raises:
        UserError: nothing would be trained, or a rule fits no module.
    """
    check_encoders(len(roots.text_encoders), rates)
    found = list(targets(roots))
    for rule in knobs.parsed_rules:
        if not any(target.fits(rule) for target in found):
            raise UserError(
                f"adapter.rules: no module of this model is called '{rule.pattern}'",
                "'frieze adapter plan' lists their names",
            )
    wanted = [wish for target in found if (wish := _wish(target, knobs, rates)) is not None]
    if not any(wish.target.is_read for wish in wanted):
        raise UserError(
            "the adapter changes no module of this model", "give a learning rate, or change adapter.rules"
        )
    return wanted


def targets(roots: AdapterRoots) -> Iterator[Target]:
    """All modules in kohya's blocks: the UNet's first, then each text encoder's; each once."""
    seen: set[int] = set()
    parts = zip(roots.text_prefixes, (TEXT, TEXT_2), roots.text_encoders, strict=False)
    for prefix, part, root in (("lora_unet", UNET, roots.unet), *parts):
        names = roots.unet_names if part == UNET else {}
        for path, module in root.named_modules():
            block = block_of(path, is_text=part != UNET)
            if block is None or not isinstance(module, _ADAPTED) or id(module) in seen:
                continue
            seen.add(id(module))
            flat = path.replace(".", "_")
            name = f"{prefix}_{names.get(flat, flat)}"
            is_read = not name.startswith(roots.unused)
            yield Target(name, f"{prefix}_{flat}", path, part, module, block, is_read)


def _wish(target: Target, knobs: AdapterKnobs, rates: Optimizer) -> Wish | None:
    """What the recipe and its rules want of a module; None where it is left alone."""
    given: dict[str, Any] = {}
    group, rate = group_of(target.part, rates)
    for rule in knobs.parsed_rules:
        if target.fits(rule):
            given |= rule.values
            group = rule.pattern if "lr" in rule.values else group
    spec = _spec(target, knobs, given)
    rate = float(given.get("lr", rate))
    return Wish(target, spec, rate, group) if spec and rate > 0 else None


def _spec(target: Target, knobs: AdapterKnobs, given: Mapping[str, Any]) -> Spec | None:
    weight = target.module.get_parameter("weight")
    shape = tuple(weight.shape)
    kind = str(given.get("kind", knobs.kind))
    if kind == NONE or not (len(shape) == 1 or KINDS[kind].takes(target.path)):
        return None
    size = _size(target, knobs, kind, given)
    if size is None:
        return None
    if len(shape) == 1:
        return Spec("norm", shape) if knobs.norms else None
    section = asdict(getattr(knobs, kind))
    options = {name: given.get(name, value) for name, value in section.items()}
    if kind == "ia3":
        options["on_input"] = on_input(target.path)
    unused = getattr(knobs, kind).unused
    return Spec(
        kind,
        shape,
        *size,
        rank_stabilized="rank_stabilized" not in unused
        and bool(given.get("rank_stabilized", knobs.rank_stabilized)),
        dropout=0.0 if "dropout" in unused else knobs.dropout,
        options=options,
    )


def _size(
    target: Target, knobs: AdapterKnobs, kind: str, given: Mapping[str, Any]
) -> tuple[int, float] | None:
    """Rank and alpha; None where convolutions are left alone. A rule that names a rank reaches them by itself."""
    if not takes(target.block, kind, knobs.conv_rank) and "rank" not in given:
        return None
    is_conv = is_wide(tuple(target.module.get_parameter("weight").shape))
    rank, alpha = (
        (knobs.conv_rank, knobs.conv_alpha) if is_conv and knobs.conv_rank else (knobs.rank, knobs.alpha)
    )
    return int(given.get("rank", rank)), float(given.get("alpha", alpha))


@torch.no_grad()
def _attached(wish: Wish, seed: int, *, rests: bool = False) -> AdaptedModule:
    """The module's tensors, in float32 as they start: on its device, or on the CPU where nothing reads them.

    Of a model without numbers they have none either.
    """
    target, spec = wish.target, wish.spec
    kind, weight = KINDS[spec.kind], target.module.get_parameter("weight")
    digest = hashlib.sha256(target.name.encode()).digest()
    generator = torch.Generator().manual_seed(key(seed, Purpose.INIT, int.from_bytes(digest[:8])))
    home = torch.device("meta" if weight.is_meta else "cpu")
    tensors = {name: torch.empty(shape, device=home) for name, shape in kind.shapes(spec).items()}
    kind.start(spec, tensors, weight.detach().to(home), generator)
    place = home if rests else weight.device
    placed = {name: nn.Parameter(tensor.to(place)) for name, tensor in tensors.items()}
    return AdaptedModule(
        name=target.name, spec=spec, host=target.module, tensors=placed, group=wish.group, rate=wish.rate
    )
