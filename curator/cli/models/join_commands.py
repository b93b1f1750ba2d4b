"""`frieze model join` and `convert`: adapters made one, and files turned into what other programs read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.models.block_numbers import CONVENTION
from curator.cli.models.low_rank_commands import AdapterOutOption
from curator.cli.options.options import JsonOption, LimitOption, ReplaceOption
from curator.cli.shared.output import progress_shown, put_json, put_table, say, say_cut, tell
from curator.cli.shared.typer_apps import with_options

if TYPE_CHECKING:
    from curator.cli.schemas.model_files import ConvertReport, JoinReport

_BASE = "The model they were trained on: kinds such as DoRA and IA3 change what its weights say, and sizes are its."


@dataclass(frozen=True)
class JoinOptions:
    """What the command line says of a join; None is what a join does without it."""

    rank: Annotated[
        int | None,
        typer.Option("--rank", metavar="N", help="Most ranks of a layer; default: as many as it takes."),
    ]
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help=_BASE)]
    convention: Annotated[str | None, typer.Option("--convention", metavar="NAME", help=CONVENTION)]
    dtype: Annotated[
        str | None, typer.Option("--dtype", metavar="TYPE", help="fp16 (default), bf16 or fp32.")
    ]


@with_options(JoinOptions)
def join(
    adapters: Annotated[
        list[str],
        typer.Argument(
            metavar="ADAPTER[@RATIO]...",
            help="Adapters of any kind, for one family. RATIO: 0.8, or by part and block: unet=0.8,text=0.5,OUT*=1.",
        ),
    ],
    *,
    out: AdapterOutOption,
    options: JoinOptions,
    replace_it: ReplaceOption = False,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Merge adapters into one LoRA that changes what they change together; the rank decides how near it comes.

    Changes of weights are summed, and brought to --rank ranks by their singular values.
    """
    from curator.contract.merging.adapters import (
        JoinRecipe,
        adapter_and_ratio,
        read_join,
        write_adapter_recipe,
    )
    from curator.session.training.models import join_adapters

    pairs = [adapter_and_ratio(each) for each in adapters]
    given: dict[str, Any] = {name: value for name, value in asdict(options).items() if value is not None}
    said = JoinRecipe(tuple(path for path, _ in pairs), tuple(ratio for _, ratio in pairs), **given)
    recipe = read_join(write_adapter_recipe(said), "the join")  # as if it had been typed in a file
    with progress_shown("join", "parts") as show:
        done = join_adapters(recipe, out, show, replaces=replace_it)
    layers = _cut(done, limit)
    if as_json:
        put_json(cast("JoinReport", {"schema": "frieze/model-join/1", **done, "layers": layers}))
    else:
        _put_layers(done, layers)
    say_cut(len(layers), len(done["layers"]))


@dataclass(frozen=True)
class ConvertOptions:
    """What the command line says of a conversion; None is what stays."""

    dtype: Annotated[
        str | None, typer.Option("--dtype", metavar="TYPE", help="fp16, bf16 or fp32; default: as it is.")
    ]
    averages: Annotated[
        str | None,
        typer.Option(
            "--ema",
            metavar="HOW",
            help="Moving averages in a model: drop (default), keep, or use in place of the weights.",
        ),
    ]
    style: Annotated[
        str | None,
        typer.Option(
            "--style",
            metavar="NAME",
            help="Names in an adapter: kohya (default), diffusers (PEFT), original (ComfyUI's) or onetrainer (OMI).",
        ),
    ]
    kind: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="KIND", help="lora: of any adapter a LoRA, exact or nearest, as --rank says."
        ),
    ]
    rank: Annotated[
        int | None,
        typer.Option("--rank", metavar="N", help="Most ranks of a layer; default: as many as it takes."),
    ]
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help=_BASE)]
    spec: Annotated[
        list[str] | None,
        typer.Option(
            "--spec",
            metavar="NAME=TEXT",
            help="What the file says of itself: title, author, description, license, date, tags, ...",
        ),
    ]


@with_options(ConvertOptions)
def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A base model (file or diffusers folder), or an adapter.")
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="PLACE", help="A .safetensors file, or of a model a folder.")
    ],
    options: ConvertOptions,
    replace_it: ReplaceOption = False,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Convert a model (layout, number type, pruned) or an adapter (names, number type, kind) for other programs."""
    from curator.session.training.models import convert_file

    asked = {name: value for name, value in asdict(options).items() if value is not None}
    with progress_shown("convert", "steps") as show:
        done = convert_file(file, out, asked, show, replaces=replace_it)
    layers = _cut(done, limit)
    if as_json:
        put_json(
            cast("ConvertReport", {"schema": "frieze/model-convert/1", **_whole(done), "layers": layers})
        )
    elif layers:
        _put_layers(done, layers)
    else:
        _put_doubts(done)
        tell(f"{done['path']}: {done['family']}, {done['bytes'] / 1e6:,.1f} MB")
    say_cut(len(layers), len(done.get("layers", ())))


def _whole(done: dict[str, Any]) -> dict[str, Any]:
    """A report of either with what only the other has."""
    usual = {"sha256": "", "error": 0.0, "kept_share": 1.0, "averaged": 0, "dropped": (), "overflowed": {}}
    return usual | {name: value for name, value in done.items() if name != "tensors"}


def _cut(done: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """The layers, those that lost most first."""
    layers = sorted(done.get("layers", ()), key=lambda each: -each["error"])
    return layers[:limit] if limit else layers


def _put_doubts(done: dict[str, Any]) -> None:
    for doubt in done["doubts"]:
        say(f"{doubt['what']}: {doubt['hint']}")


def _put_layers(done: dict[str, Any], layers: list[dict[str, Any]]) -> None:
    _put_doubts(done)
    rows = [(each["name"], str(each["rank"] or "whole"), f"{each['error']:.2%}") for each in layers]
    put_table(rows, ("layer", "rank", "error"))
    tell(f"{done['path']}: {len(done['layers']):,} layers, {done['error']:.2%} of the change lost, "
         f"{done['bytes'] / 1e6:,.1f} MB")  # fmt: skip
