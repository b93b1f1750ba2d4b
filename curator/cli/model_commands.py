"""`frieze model`: base models and adapters as files: merged, mended, looked at, compared."""

from __future__ import annotations

from typing import Annotated

import typer

from curator.cli.shared.options import JsonOption
from curator.cli.shared.output import put_json_map, put_table
from curator.cli.shared.typer_apps import noun
from curator.contract.text import visible

app = noun("Merge, mend, inspect and compare model files.")
ConventionOption = Annotated[
    str,
    typer.Option(
        "--convention",
        metavar="NAME",
        help="Whose numbering of blocks: supermerger (time embedding in IN00) or mecha (in BASE).",
    ),
]


@app.callback()
def _group() -> None:
    """Merge, mend, inspect and compare model files."""


@app.command()
def blocks(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="sd1, sd2 or sdxl.")],
    convention: ConventionOption = "supermerger",
    as_json: JsonOption = False,
) -> None:
    """List the block of every tensor, as block-weighted merges number them."""
    from curator.session.training.models import blocks_of

    found = blocks_of(family, convention)
    if as_json:
        put_json_map(found)
        return
    put_table([(block, visible(name)) for name, block in found.items()], ("block", "tensor"))
