"""An extraction from two models to a file: what is refused, what is told, and what the adapter says of itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.file_hashes import legacy_hash
from curator.contract.base_model.modelspec import adapter_implementation, architecture_of, kohya_version
from curator.contract.low_rank import USUAL_RANK, Extraction, told
from curator.contract.recipe.adapter import Adapter, Lokr
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible
from train.weights.lora_file import DTYPES, write_lora
from train.weights.metadata import network_metadata
from train.workshop.low_rank.difference import Outside, Pair, layers_of
from train.workshop.low_rank.extract import Extract, Extracted
from train.workshop.low_rank.kinds import limit_of
from train.workshop.low_rank.layers import LayerReport, kept_share, of_all
from train.workshop.low_rank.source import Source, check_kin, open_source
from train.workshop.result import check_place, check_space, not_written
from train.workshop.source_hashes import hashing

if TYPE_CHECKING:
    from train.workshop.low_rank.difference import Layer
    from train.workshop.merge import Hear

_KEPT_METADATA = ("modelspec.license", "modelspec.resolution")
METADATA_KEY = "frieze.extracted"
_LEAST_BYTES = 2  # of a number
DYNAMIC = "Dynamic"  # as sd-scripts writes where ranks differ


@dataclass(frozen=True)
class ExtractReport:
    """What was extracted. `error` and `kept_share` are of all layers together, as of one.

    `unchanged_layers` do not differ and are left out; `randomised_layers` were decomposed by random directions, which
    `error` counts as it came out; `whole_tensors`, norms and biases, stand there as they differ.
    """

    path: str
    kind: str
    family: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    unchanged_layers: int
    randomised_layers: int
    whole_tensors: int
    layers: tuple[LayerReport, ...]
    outside: Outside
    doubts: tuple[dict[str, str], ...]


def extract(
    tuned: Path, base: Path, out: Path, wanted: Extraction, hear: Hear, *, replaces: bool
) -> ExtractReport:
    """Write to `out` an adapter that makes of `base` what comes nearest to `tuned`.

    Raises:
        UserError: the two do not go together, nothing differs, one is damaged, or `out` cannot be written.
    """
    check_place(out, [tuned, base], 0, replaces=replaces)
    pair = Pair(open_source(tuned), open_source(base))
    doubts = check_kin(pair.tuned, pair.base)
    layers = layers_of(pair, wanted)
    check_space(out, _most_bytes(layers, wanted))
    with hashing([path for path in (tuned, base) if path.is_file()]) as hashes:
        found = Extract(pair, layers, wanted, hear).run()
        whole = of_all(found.squares)
        outside = pair.outside(found.slots, whole.whole)
        size = sum(each.numel() * each.itemsize for each in found.tensors.values())
        check_space(out, size)
        metadata = _metadata(pair, wanted, found, out.stem, hashes())
        try:
            sha256 = write_lora(out, found.tensors, metadata, None, replaces=replaces)
        except OSError as error:
            raise not_written(out, error) from error
    doubts += [*_doubts(found, wanted), *_of_outside(outside)]
    return ExtractReport(
        path=str(out.absolute()),
        kind=wanted.kind,
        family=pair.tuned.kind,
        bytes=out.stat().st_size,
        sha256=sha256,
        error=whole.error,
        kept_share=kept_share(whole),
        unchanged_layers=found.unchanged_layers,
        randomised_layers=found.randomised_layers,
        whole_tensors=found.whole_tensors,
        layers=tuple(found.layers),
        outside=outside,
        doubts=tuple(each._asdict() for each in doubts),
    )


def _most_bytes(layers: Sequence[Layer], wanted: Extraction) -> int:
    """What the file takes where all layers differ; what depends on the models' numbers is not known before."""
    if wanted.ranks.size_mb is not None:
        return int(wanted.ranks.size_mb * 1e6)
    if wanted.ranks.is_dynamic or wanted.kind == "lokr":
        return 0
    itemsize = DTYPES[wanted.dtype].itemsize if wanted.dtype else _LEAST_BYTES
    specs = [layer.spec for layer in layers if layer.spec.kind != "norm"]
    return sum(limit_of(spec) * (spec.shape[0] + spec.inputs) * itemsize for spec in specs)


def _doubts(found: Extracted, wanted: Extraction) -> list[TrainingWarning]:
    doubts = []
    if found.clamped:
        doubts.append(
            TrainingWarning(
                f"{counted(found.clamped, 'layer has', 'layers have')} fewer than {wanted.ranks.rank} ranks",
                "all ranks there are stay",
            )
        )
    return doubts


def _of_outside(outside: Outside) -> list[TrainingWarning]:
    if not outside.tensors:
        return []
    more = ", …" if outside.tensors > len(outside.examples) else ""
    return [
        TrainingWarning(
            f"{counted(outside.tensors, 'tensor that differs', 'tensors that differ')} but that this adapter does not "
            f"change, {outside.share:.1%} of all that differs: {', '.join(map(visible, outside.examples))}{more}",
            "--kind locon takes convolutions, --norms norms and biases; a whole model alone has the rest",
        )
    ]


def _metadata(
    pair: Pair, wanted: Extraction, found: Extracted, title: str, hashes: Sequence[str]
) -> dict[str, str]:
    """modelspec and kohya's keys as a training run writes them, and where the adapter comes from."""
    tuned, base = pair.tuned, pair.base
    prediction = tuned.prediction or "epsilon"
    known = dict(zip([each.path for each in (tuned, base) if each.path.is_file()], hashes, strict=True))
    whole = of_all(found.squares)
    origin = {
        "tuned": tuned.path.name,
        "tuned_sha256": known.get(tuned.path, ""),
        "base": base.path.name,
        "base_sha256": known.get(base.path, ""),
        "asked": told(wanted),
        "error": round(whole.error, 6),
        "randomised_layers": found.randomised_layers,
    }
    kept = {name: tuned.file.metadata[name] for name in _KEPT_METADATA if name in tuned.file.metadata}
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{architecture_of(tuned.kind, prediction)}/lora",
        "modelspec.implementation": adapter_implementation(tuned.kind),
        "modelspec.title": title,
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.prediction_type": "v" if prediction == "v_prediction" else "epsilon",
        "modelspec.merged_from": ", ".join(_ancestor(each, known) for each in (tuned, base)),
        **kept,
        "ss_v2": str(tuned.kind == "sd2"),
        "ss_base_model_version": kohya_version(tuned.kind, prediction),
        "ss_output_name": title,
        "ss_sd_model_name": visible(base.path.name),
        **_base_hashes(base, known),
        **_network(wanted, found.layers),
        METADATA_KEY: json.dumps(origin),
    }


def _ancestor(source: Source, known: Mapping[Path, str]) -> str:
    sha256 = known.get(source.path)
    return source.path.name + (f" (sha256 {sha256})" if sha256 else "")


def _base_hashes(base: Source, known: Mapping[Path, str]) -> dict[str, str]:
    """By which kohya's readers know the base; folders have none."""
    if base.path not in known:
        return {}
    with base.path.open("rb") as file:
        return {"ss_sd_model_hash": legacy_hash(file), "ss_new_sd_model_hash": known[base.path]}


def _network(wanted: Extraction, layers: Sequence[LayerReport]) -> dict[str, str]:
    """What kind of adapter it is. Where layers have different ranks, it says so as sd-scripts does."""
    rule = wanted.ranks
    rank = 0 if rule.is_dynamic else rule.rank or USUAL_RANK
    conv_rank = 0 if rule.is_dynamic else rule.conv_rank or (rank if wanted.kind == "locon" else 0)
    conv_alpha = wanted.alpha if wanted.conv_alpha is None else wanted.conv_alpha
    about = network_metadata(
        Adapter(
            kind=wanted.kind,
            rank=rank,
            conv_rank=conv_rank,
            conv_alpha=float(conv_rank) if conv_alpha is None else conv_alpha,
            norms=wanted.norms,
            lokr=Lokr(factor=-1 if wanted.factor is None else wanted.factor, full_matrix=wanted.full_matrix),
        )
    )
    return about | dims_of({each.rank for each in layers}, wanted.alpha)


def dims_of(ranks: Collection[int], alpha: float | None) -> dict[str, str]:
    """kohya's keys of rank and alpha; an alpha of None is the rank."""
    rank = str(*ranks) if len(ranks) == 1 and 0 not in ranks else DYNAMIC
    return {"ss_network_dim": rank, "ss_network_alpha": rank if alpha is None else str(alpha)}
