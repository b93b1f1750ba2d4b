"""`frieze model info`, `hash` and `diff`: model files looked at and compared."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.options.options import JsonOption, LimitOption
from curator.cli.shared.output import progress_shown, put, put_json, put_table, say_cut
from curator.contract.errors import ExitCode

if TYPE_CHECKING:
    from curator.cli.schemas.model_files import HashReport, ModelDiff, ModelFileReport

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A checkpoint, an adapter, an embedding, or a diffusers folder."),
]


def info(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what a model is: family or kind, components, numbers, origin, trigger words, and who reads it."""
    from curator.session.training.models import counts_in_words, facts_of, model_info

    found = model_info(file)
    if as_json:
        put_json(cast("ModelFileReport", {"schema": "frieze/model-info/1", **asdict(found)}))
        return
    for name, value in facts_of(found).items():
        put(f"{name:<16} {value}")
    if found.components:
        put_table(
            [
                (
                    each.name,
                    each.kind,
                    f"{each.bytes / 1e6:,.1f}",
                    f"{each.tensors:,}",
                    counts_in_words(each.dtypes),
                    ", ".join(each.files),
                )
                for each in found.components
            ],
            ("component", "class", "MB", "tensors", "types", "files"),
        )


def hash_of(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show the hashes by which model sites and programs know a file; of a folder, those of its files and tensors."""
    from curator.contract.base_model.file_hashes import FileHashes
    from curator.session.training.models import hashes_by_word, model_hashes

    found = model_hashes(file)
    short = found if isinstance(found, FileHashes) else None
    values = {
        "sha256": found.sha256,
        "autov2": short and short.autov2,
        "autov3": short and short.autov3,
        "tensors_sha256": found.tensors,
        "legacy": short and short.legacy,
    }
    files = {} if isinstance(found, FileHashes) else found.files
    if as_json:
        about = {"schema": "frieze/model-hash/1", "path": str(file.absolute()), **values, "files": files}
        put_json(cast("HashReport", about))
        return
    for word, value in hashes_by_word(found).items():
        put(f"{word:<8} {value}")
    for name, value in files.items():
        put(f"{value}  {name}")


def diff(
    first: FileArgument,
    second: FileArgument,
    convention: Annotated[
        str, typer.Option("--convention", metavar="NAME", help="Whose blocks: supermerger or mecha.")
    ] = "supermerger",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Compare two models by block and by tensor; exit code 1 where they differ."""
    from curator.session.training.models import compare_models

    with progress_shown("compare", "bytes") as show:
        found = compare_models(first, second, convention, show)
    tensors = found["different_tensors"]
    shown = tensors[:limit] if limit else tensors
    if as_json:
        about = {"schema": "frieze/model-diff/1", **found, "different_tensors": shown}
        put_json(cast("ModelDiff", about))
    else:
        _put_difference(found, shown)
    say_cut(len(shown), len(tensors))
    if not found["equal"]:
        raise typer.Exit(ExitCode.NO)


def _put_difference(found: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    from curator.session.training import models

    if found["equal"]:
        put(models.EQUAL)
        return
    if blocks := models.block_rows(found):
        put_table(blocks, models.DIFFERENT_BLOCKS)
    if shown:
        put_table(models.tensor_rows(shown), models.DIFFERENT_TENSORS)
    for said in models.not_in_both(found):
        put(said)
