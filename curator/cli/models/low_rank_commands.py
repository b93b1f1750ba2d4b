"""`frieze model extract` and `resize`: adapters made of the difference of two models, and cut to fewer ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.options.options import JsonOption, LimitOption, ReplaceOption
from curator.cli.shared.output import progress_shown, put_json, put_table, say, say_cut, tell
from curator.cli.shared.typer_apps import with_options
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.model_files import ExtractReport, ResizeReport

AdapterOutOption = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="The .safetensors file to write.")
]


@dataclass(frozen=True)
class RankOptions:
    """How many ranks each layer gets; None is what is not asked for."""

    rank: Annotated[
        int | None,
        typer.Option(
            "--rank",
            metavar="N",
            help="Ranks of each layer, or beside another rule the most it may have; default: 16, or no limit.",
        ),
    ]
    conv_rank: Annotated[
        int | None,
        typer.Option(
            "--conv-rank",
            metavar="N",
            help="The same of convolutions larger than 1x1, which it adds; default: --rank in a locon, else none.",
        ),
    ]
    sv_ratio: Annotated[
        float | None,
        typer.Option(
            "--sv-ratio",
            metavar="X",
            help="Keep singular values of at least 1/X of the layer's largest; default: all up to --rank.",
        ),
    ]
    sv_fro: Annotated[
        float | None,
        typer.Option(
            "--sv-fro",
            metavar="X",
            help="Keep a share of the layer's Frobenius norm, 0 to 1, in the fewest ranks; default: all up to --rank.",
        ),
    ]
    sv_cumulative: Annotated[
        float | None,
        typer.Option(
            "--sv-cumulative",
            metavar="X",
            help="Keep a share of the sum of singular values, 0 to 1, in the fewest ranks; default: all up to --rank.",
        ),
    ]
    sv_threshold: Annotated[
        float | None,
        typer.Option(
            "--sv-threshold",
            metavar="X",
            help="Keep singular values of at least X; default: all up to --rank.",
        ),
    ]
    size_mb: Annotated[
        float | None,
        typer.Option(
            "--size-mb",
            metavar="MB",
            help="Share ranks out between layers so that the file has N million bytes; default: each layer by --rank.",
        ),
    ]


@dataclass(frozen=True)
class ExtractOptions(RankOptions):
    """What is said of an extraction; None is what is usual."""

    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="lora (default), locon: with all convolutions, or lokr; --conv-rank makes a lora a locon.",
        ),
    ]
    alpha: Annotated[
        float | None,
        typer.Option(
            "--alpha", metavar="X", help="Alpha that the file says; default: the rank of each layer."
        ),
    ]
    conv_alpha: Annotated[
        float | None,
        typer.Option(
            "--conv-alpha", metavar="X", help="The same of convolutions larger than 1x1; default: --alpha's."
        ),
    ]
    factor: Annotated[
        int | None,
        typer.Option(
            "--factor", metavar="N", help="Size of the small matrix of a lokr; default: near square."
        ),
    ]
    parts: Annotated[
        str | None,
        typer.Option(
            "--parts", metavar="PART,...", help="Some of unet, text and text_2 (SDXL's second); default: all."
        ),
    ]
    min_difference: Annotated[
        float | None,
        typer.Option(
            "--min-difference",
            metavar="X",
            help="Leave out layers whose numbers differ by X at most; default: 0.",
        ),
    ]
    clamp_quantile: Annotated[
        float | None,
        typer.Option(
            "--clamp-quantile",
            metavar="X",
            help="Cut the factors' largest numbers at this quantile, 0 to 1; default: 1, none.",
        ),
    ]

    dtype: Annotated[
        str | None,
        typer.Option("--dtype", metavar="TYPE", help="fp16, bf16 or fp32; default: as TUNED has its layers."),
    ]


@dataclass(frozen=True)
class ResizeOptions(RankOptions):
    """What is said of a resizing."""

    first_ranks: Annotated[
        int | None,
        typer.Option(
            "--first-ranks",
            metavar="N",
            help="The first N ranks of a DyLoRA, as it was trained for; default: not cut so.",
        ),
    ]
    dtype: Annotated[
        str | None,
        typer.Option("--dtype", metavar="TYPE", help="fp16, bf16 or fp32; default: as they are stored."),
    ]


@with_options(ExtractOptions)
def extract(
    tuned: Annotated[Path, typer.Argument(metavar="TUNED", help="A single file or a diffusers folder.")],
    base: Annotated[Path, typer.Argument(metavar="BASE", help="The model that TUNED was made from.")],
    *,
    out: AdapterOutOption,
    options: ExtractOptions,
    norms: Annotated[
        bool,
        typer.Option("--norms", help="Take norms and biases as well, whole; diffusers does not read them."),
    ] = False,
    full_matrix: Annotated[
        bool, typer.Option("--full-matrix", help="Keep the large matrix of a lokr whole.")
    ] = False,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Decompose large layers exactly too; takes many times as long."),
    ] = False,
    limit: LimitOption = 20,
    replace_it: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make an adapter of the difference of two models, and say how near it comes, layer by layer.

    The layers that come out worst are listed; --json has all.
    """
    from curator.session.training.models import extract_adapter

    given = _given(options, parts=options.parts.split(",") if options.parts else None)
    given |= {"norms": norms, "full_matrix": full_matrix, "exact": exact}
    with progress_shown("extract", "bytes") as show:
        done = extract_adapter(tuned, base, out, given, show, replaces=replace_it)
    if as_json:
        put_json(cast("ExtractReport", {"schema": "frieze/model-extract/1", **done}))
        return
    _put_layers(done, limit, ("layer", "rank", "error", "kept"))
    same = f", {done['unchanged_layers']:,} that do not differ left out" if done["unchanged_layers"] else ""
    if done["randomised_layers"]:
        same += f", {done['randomised_layers']:,} decomposed by random directions (--exact: none)"
    _tell(done, f"{done['kind']} of {counted(len(done['layers']), 'layer')}{same}")


@with_options(ResizeOptions)
def resize(
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="A LoRA, LoCon or DyLoRA.")],
    *,
    out: AdapterOutOption,
    options: ResizeOptions,
    limit: LimitOption = 20,
    replace_it: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cut a LoRA to fewer ranks; every layer keeps its strength, norms stay.

    The layers that come out worst are listed; --json has all.
    """
    from curator.session.training.models import resize_adapter

    with progress_shown("resize", "bytes") as show:
        done = resize_adapter(adapter, out, _given(options), show, replaces=replace_it)
    if as_json:
        put_json(cast("ResizeReport", {"schema": "frieze/model-resize/1", **done}))
        return
    _put_layers(done, limit, ("layer", "before", "rank", "error", "kept"))
    _tell(done, counted(len(done["layers"]), "layer"))


def _given(options: RankOptions, **others: object) -> dict[str, Any]:
    """What was asked for, as the session takes it."""
    ranks = {each.name for each in fields(RankOptions)}
    said = {name: value for name, value in {**asdict(options), **others}.items() if value is not None}
    found: dict[str, Any] = {name: value for name, value in said.items() if name not in ranks}
    return found | {"ranks": {name: value for name, value in said.items() if name in ranks}}


def _put_layers(done: Mapping[str, Any], limit: int, header: Sequence[str]) -> None:
    """The layers with the largest errors first."""
    layers = sorted(done["layers"], key=lambda each: -each["error"])
    shown = layers[:limit] if limit else layers
    put_table([_row(each, "before" in header) for each in shown], header)
    say_cut(len(shown), len(layers), "layers")


def _row(layer: Mapping[str, Any], is_resized: bool) -> tuple[str, ...]:
    before = (str(layer["rank_before"]),) if is_resized else ()
    sizes = f"{layer['error']:.3g}", f"{layer['kept_share']:.2%}"
    return layer["name"], *before, str(layer["rank"] or "whole"), *sizes


def _tell(done: Mapping[str, Any], what: str) -> None:
    for doubt in done["doubts"]:
        say(f"{doubt['what']}: {doubt['hint']}")
    tell(f"{done['path']}: {what}, {done['bytes'] / 1e6:,.1f} MB; "
         f"error {done['error']:.3g}, {done['kept_share']:.2%} of squared singular values kept")  # fmt: skip
