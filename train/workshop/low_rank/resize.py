"""A LoRA cut to fewer ranks, layer by layer, and the file that comes of it.

The factors alone are decomposed, never their product. Every layer keeps its strength: alpha falls with the rank.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.base_model.file_hashes import sha256_of
from curator.contract.errors import UserError
from curator.contract.files.json_data import object_of
from curator.contract.low_rank import Resizing, told
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible
from train.weights.lora_file import DTYPES, write_lora
from train.workshop.low_rank.extracting import DYNAMIC, dims_of
from train.workshop.low_rank.factors import Factors, of_product
from train.workshop.low_rank.layers import LayerReport, Squares, kept_share, layer_report, of_all
from train.workshop.low_rank.pairs import Pair, Pairs
from train.workshop.low_rank.ranks import SizeBudget, bytes_for_ranks, rank_by
from train.workshop.open_model import open_model
from train.workshop.result import check_place, not_written

if TYPE_CHECKING:
    from train.workshop.merge import Hear
    from train.workshop.model_file import ModelFile

METADATA_KEY = "frieze.resized"


@dataclass(frozen=True)
class ResizeReport:
    """What was made. `error` and `kept_share` are of all layers together; `whole_tensors` are of no layer and stay."""

    path: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    whole_tensors: int
    layers: tuple[LayerReport, ...]
    doubts: tuple[dict[str, str], ...]


@dataclass
class _Resized:
    """The layers that are done; `small` had fewer ranks than asked for."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: list[LayerReport] = field(default_factory=list)
    squares: list[Squares] = field(default_factory=list)
    ranks: dict[bool, set[int]] = field(
        default_factory=lambda: {False: set(), True: set()}
    )  # of convolutions: True
    strengths: set[float] = field(default_factory=set)
    small: int = 0


def resize(adapter: Path, out: Path, wanted: Resizing, hear: Hear, *, replaces: bool) -> ResizeReport:
    """Write `adapter` to `out` with the ranks that `wanted` leaves.

    Raises:
        UserError: it is no LoRA, is damaged, a size is too small, or `out` cannot be written.
    """
    file = open_model(adapter)
    pairs = Pairs(file)
    check_place(out, [adapter], pairs.bytes, replaces=replaces)
    if wanted.first_ranks is not None:
        _check_units(file, wanted.first_ranks)
    found = _Resize(pairs, wanted, hear).run()
    kept = {name: file.whole(name) for name in pairs.kept}
    try:
        sha256 = write_lora(
            out, {**found.tensors, **kept}, _metadata(file, wanted, found), None, replaces=replaces
        )
    except OSError as error:
        raise not_written(out, error) from error
    whole = of_all(found.squares)
    doubts = [
        TrainingWarning(
            f"{counted(found.small, 'layer has', 'layers have')} no more ranks than that", "as in the file"
        )
    ]
    return ResizeReport(
        path=str(out.absolute()),
        bytes=out.stat().st_size,
        sha256=sha256,
        error=whole.error,
        kept_share=kept_share(whole),
        whole_tensors=len(kept),
        layers=tuple(found.layers),
        doubts=tuple(each._asdict() for each in doubts if found.small),
    )


def _check_units(file: ModelFile, first_ranks: int) -> None:
    """Refuse to cut what is no DyLoRA, or between ranks that were trained together."""
    about = _arguments(file.metadata)
    if "dylora" not in (about.get("algo"), file.metadata.get("ss_network_module", "").rpartition(".")[2]):
        raise UserError(
            f"{file.shown} does not say that it is a DyLoRA, whose first ranks are LoRAs",
            "give --rank: it takes the best ranks of any LoRA",
        )
    said = str(about.get("unit", about.get("block_size", 1)))
    unit = max(1, int(said)) if said.isdecimal() else 1
    if first_ranks % unit:
        raise UserError(
            f"{file.shown} was trained {unit} ranks at a time, and {first_ranks} is no multiple of that",
            f"give {max(1, first_ranks // unit) * unit}",
        )


def _arguments(metadata: Mapping[str, str]) -> dict[str, object]:
    try:
        return object_of(metadata.get("ss_network_args", ""))
    except ValueError:
        return {}


class _Resize:
    """One run over the layers."""

    def __init__(self, pairs: Pairs, wanted: Resizing, hear: Hear) -> None:
        self._pairs, self._wanted, self._hear = pairs, wanted, hear
        self._found = _Resized()
        self._ranks: dict[str, int] = {}  # where a size shares them out

    @torch.no_grad()
    def run(self) -> _Resized:
        """All layers."""
        if self._wanted.ranks.size_mb is not None:
            self._share_out(self._wanted.ranks.size_mb)
        done, total = 0, self._pairs.bytes
        self._hear(0, total)
        for pair in self._pairs:
            self._put(pair)
            done += self._pairs.bytes_of(pair)
            self._hear(done, total)
        return self._found

    def _share_out(self, size_mb: float) -> None:
        kept = sum(self._pairs.file.tensors[name].bytes for name in self._pairs.kept)
        budget = SizeBudget(bytes_for_ranks(size_mb, self._pairs.modules, kept))
        for pair in self._pairs:
            cost = (pair.up.shape[0] + pair.down[0].numel()) * self._dtype(pair).itemsize
            budget.add(pair.module, _factors(pair).values * pair.strength, cost)
        budget.check()
        self._ranks = budget.ranks

    def _put(self, pair: Pair) -> None:
        """Take a layer in: as it is where it has no more ranks than it shall have."""
        rank, strength, factors = self._cut(pair)
        dtype = self._dtype(pair)
        if rank == pair.rank and dtype is pair.dtype:
            self._found.tensors |= pair.tensors
            squares = Squares(float((pair.strength * factors.values).square().sum()), 0.0)
        else:
            up, down = _stored(pair, factors, dtype)
            self._found.tensors |= _named(pair, up, down, strength * rank)
            squares = _squares(pair, strength * up.float(), down.float())
        self._found.layers.append(layer_report(pair.module, rank, squares, pair.rank))
        self._found.squares.append(squares)
        self._found.ranks[pair.is_conv].add(rank)
        self._found.strengths.add(strength)

    def _cut(self, pair: Pair) -> tuple[int, float, Factors]:
        """The rank that a layer gets, its strength then, and its factors."""
        wanted, factors = self._wanted, _factors(pair)
        if wanted.first_ranks is not None:
            rank = min(wanted.first_ranks, pair.rank)
            first = Factors(pair.up[:, :rank], pair.down[:rank].flatten(1), factors.values, factors.squares)
            return rank, pair.strength * math.sqrt(pair.rank / rank), first
        rule = wanted.ranks
        asked = rule.limit(pair.is_conv)
        self._found.small += asked is not None and asked > pair.rank
        limit = pair.rank if asked is None else min(asked, pair.rank)
        if (shared := self._ranks.get(pair.module)) is not None:
            rank = min(shared, limit)
        else:
            values = factors.values * abs(pair.strength)
            rank = rank_by(rule, values, float(values.square().sum()), limit)
        return rank, pair.strength, factors.cut(rank) if rank < pair.rank else factors

    def _dtype(self, pair: Pair) -> torch.dtype:
        return DTYPES[self._wanted.dtype] if self._wanted.dtype else pair.dtype


def _factors(pair: Pair) -> Factors:
    return of_product(pair.up, pair.down.flatten(1))


def _stored(pair: Pair, factors: Factors, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The factors as the file has them, but for their shapes."""
    up, down = factors.up.to(dtype), factors.down.to(dtype)
    if not bool(torch.isfinite(up).all() & torch.isfinite(down).all()):
        raise UserError(
            f"'{visible(pair.module)}' is beyond what {str(dtype).removeprefix('torch.')} holds",
            "give --dtype bf16 or fp32",
        )
    return up, down


def _named(pair: Pair, up: Tensor, down: Tensor, alpha: float) -> dict[str, Tensor]:
    """The tensors of a layer under the names it had; without an alpha the rank counts, which is strength 1."""
    down_name, up_name, alpha_name = pair.names
    rank, kernel = up.shape[1], pair.down.shape[2:]
    made = {
        down_name: down.reshape(rank, *pair.down.shape[1:]),
        up_name: up.reshape(-1, rank, *(1,) * len(kernel)),
    }
    if alpha_name or alpha != rank:
        made[alpha_name or f"{pair.module}.alpha"] = torch.tensor(alpha)
    return made


def _squares(pair: Pair, up: Tensor, down: Tensor) -> Squares:
    """Of the layer's change, and of what up x down lacks of it: lengths of products of thin factors."""
    before = pair.strength * pair.up.double(), pair.down.flatten(1).double()
    left = torch.cat([before[0], -up.double()], dim=1)
    right = torch.cat([before[1], down.double()])
    return Squares(_length(*before), max(0.0, _length(left, right)))


def _length(up: Tensor, down: Tensor) -> float:
    """The squares of up x down, summed."""
    return float(((up.T @ up) * (down @ down.T)).sum())


def _metadata(file: ModelFile, wanted: Resizing, found: _Resized) -> dict[str, str]:
    """What the adapter said, with its new ranks, and of which file it is cut."""
    alpha = next(iter(found.strengths)) if len(found.strengths) == 1 else None
    ranks = found.ranks[False] or found.ranks[True]
    arguments = {name: value for name, value in _arguments(file.metadata).items() if name != "rs_lora"}
    if "conv_dim" in arguments and found.ranks[True]:
        of_conv = _dims(found.ranks[True], alpha)
        arguments |= {"conv_dim": of_conv["ss_network_dim"], "conv_alpha": of_conv["ss_network_alpha"]}
    origin = {"adapter": file.path.name, "sha256": sha256_of(file.path), "asked": told(wanted)}
    return {
        **file.metadata,
        **_dims(ranks, alpha),
        **({"ss_network_args": json.dumps(arguments)} if "ss_network_args" in file.metadata else {}),
        METADATA_KEY: json.dumps(origin),
    }


def _dims(ranks: set[int], strength: float | None) -> dict[str, str]:
    """kohya's keys, where all layers have one strength."""
    about = dims_of(ranks, None)
    rank = about["ss_network_dim"]
    alpha = str(float(rank) * strength) if rank.isdigit() and strength is not None else DYNAMIC
    return {"ss_network_dim": rank, "ss_network_alpha": alpha}
