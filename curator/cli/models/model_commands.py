"""`frieze model`: base models and adapters as files: merged, mended, looked at, compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.models.bake_command import bake
from curator.cli.models.block_numbers import CONVENTION
from curator.cli.models.explain_command import explain
from curator.cli.models.join_commands import convert, join
from curator.cli.models.low_rank_commands import extract, resize
from curator.cli.models.model_file_commands import diff, hash_of, info
from curator.cli.options.options import DryRunOption, JsonOption, ReplaceOption
from curator.cli.shared.output import (
    progress_shown,
    put_json,
    put_json_map,
    put_table,
    put_text,
    say,
    tell,
)
from curator.cli.shared.typer_apps import noun, with_options
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.cli.schemas.model_files import MergeReport, RestoreReport

app = noun("Merge, mend, inspect and compare model files.")
OutOption = Annotated[
    Path,
    typer.Option(
        "--out", metavar="PLACE", help="A .safetensors file; where A is a folder, a folder as well."
    ),
]


@app.command()
def blocks(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="sd1, sd2 or sdxl.")],
    convention: Annotated[str, typer.Option("--convention", metavar="NAME", help=CONVENTION)] = "supermerger",
    as_json: JsonOption = False,
) -> None:
    """List the block of every tensor, as block-weighted merges number them."""
    from curator.session.training.models import blocks_of

    found = blocks_of(family, convention)
    if as_json:
        put_json_map(found)
        return
    put_table([(block, name) for name, block in found.items()], ("block", "tensor"))


@dataclass(frozen=True)
class MergeOptions:
    """What the command line says of a merge; None is what the recipe says, or the method's own."""

    method: Annotated[
        str | None,
        typer.Option("--method", metavar="NAME", help="weighted-sum (default), add-difference, triple, sum-twice, "
                     "train-difference, similarity, slerp, model-stock, ties, dare or della."),
    ]  # fmt: skip
    ratio: Annotated[
        float | None,
        typer.Option(
            "--ratio", metavar="X", help="How much comes in, 0 to 1 as a rule; default: the method's."
        ),
    ]
    ratio2: Annotated[
        float | None,
        typer.Option(
            "--ratio2",
            metavar="X",
            help="How much of C, 0 to 1, for triple and sum-twice; of similarity its share; default: the method's.",
        ),
    ]
    blocks: Annotated[
        str | None,
        typer.Option(
            "--blocks", metavar="FILE|N,N,...", help="A ratio for each block, or some by name: IN00=1,OUT*=0."
        ),
    ]
    blocks2: Annotated[
        str | None, typer.Option("--blocks2", metavar="FILE|N,N,...", help="The same for the second ratio.")
    ]
    convention: Annotated[str | None, typer.Option("--convention", metavar="NAME", help=CONVENTION)]
    density: Annotated[
        float | None,
        typer.Option(
            "--density",
            metavar="X",
            help="Share, 0 to 1, of the largest changes that ties keeps; default: 0.2.",
        ),
    ]
    drop: Annotated[
        float | None,
        typer.Option(
            "--drop",
            metavar="X",
            help="Share, 0 to 1, of changes that dare and della leave out; default: 0.9 of dare, 0.7 of della.",
        ),
    ]
    spread: Annotated[
        float | None,
        typer.Option(
            "--spread", metavar="X", help="How much drop differs by size in della, 0 to 1; default: 0.2."
        ),
    ]
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Seed of the draws of dare and della; default: 0."),
    ]
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype", metavar="TYPE", help="fp16, bf16, fp32, or as-first: as A has each (default)."
        ),
    ]


@app.command()
@with_options(MergeOptions)
def merge(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="A B [C]",
            help="The models; of ties, dare, della and model-stock the last is the base of the others.",
        ),
    ] = None,
    *,
    out: OutOption,
    options: MergeOptions,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME=X",
            help="A ratio for tensors named so, such as '*attn2*=0.3'; repeatable.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME|FILE", help="A merge in TOML, or half, high-res or low-res."),
    ] = None,
    replace_it: ReplaceOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Merge models of one family, tensor by tensor; the result carries its recipe and its ancestors.

    The result has the tensors of A. With --dry-run the recipe is printed and nothing is written.
    """
    from curator.session.training.models import merge_models, typed_merge

    given = {name: value for name, value in asdict(options).items() if value is not None}
    wanted = typed_merge(recipe, [*map(str, models or ())], given, dict(map(_rule, rules or ())))
    with progress_shown("merge", "bytes") as show:
        done = merge_models(wanted, out, show, replaces=replace_it, is_dry=dry_run)
    if as_json:
        report = cast("MergeReport", {"schema": "frieze/model-merge/1", **done, "dry_run": dry_run})
        put_json(report)
        return
    _tell_doubts(done)
    if dry_run:
        put_text(done["toml"].rstrip("\n"))
    else:
        tell(f"{done['path']}: {done['merged']:,} tensors merged, {done['copied']:,} copied, "
             f"{done['bytes'] / 1e9:,.2f} GB")  # fmt: skip


def _rule(text: str) -> tuple[str, float]:
    pattern, _, number = text.rpartition("=")
    try:
        return pattern, float(number)
    except ValueError:
        raise UserError(f"--rule {text}: no ratio", "write NAME=X, such as '*attn2*=0.3'") from None


def _tell_doubts(report: dict[str, Any]) -> None:
    for doubt in report["doubts"]:
        say(f"{doubt['what']}: {doubt['hint']}")


@app.command()
def restore(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A single file or a diffusers folder.")],
    *,
    base: Annotated[Path, typer.Option("--from", metavar="BASE", help="The model they are taken from.")],
    what: Annotated[
        str, typer.Option("--what", metavar="PART", help="What is put back: embeddings.")
    ] = "embeddings",
    out: Annotated[
        Path, typer.Option("--out", metavar="PLACE", help="A file of a file, a folder of a folder.")
    ],
    replace_it: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put back the token and position embeddings of the text encoders from a base; all else stays, bit for bit."""
    from curator.session.training.models import restore_embeddings

    if what != "embeddings":
        raise UserError(f"--what {what}: nothing of that name is put back", "give embeddings")
    with progress_shown("restore", "bytes") as show:
        done = restore_embeddings(model, base, out, show, replaces=replace_it)
    if as_json:
        put_json(cast("RestoreReport", {"schema": "frieze/model-restore/1", **done}))
        return
    tell(f"{done['path']}: {', '.join(done['restored'])}")


app.command()(bake)
app.command()(join)
app.command()(extract)
app.command()(resize)
app.command()(convert)
app.command()(info)
app.command("hash")(hash_of)
app.command()(diff)
app.command()(explain)
