"""`frieze model info`, `hash` and `diff`: model files looked at and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.options.options import JsonOption, LimitOption
from curator.cli.shared.output import progress_shown, put, put_json, put_table, say_cut
from curator.contract.base_model.family import FAMILIES
from curator.contract.errors import ExitCode
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.model_files import HashReport, ModelDiff, ModelFileReport
    from curator.session.training.models import ModelInfo

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A checkpoint, an adapter, an embedding, or a diffusers folder."),
]


def info(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what a model is: family or kind, components, numbers, origin, trigger words, and who reads it."""
    from curator.session.training.models import model_info

    found = model_info(file)
    if as_json:
        put_json(cast("ModelFileReport", {"schema": "frieze/model-info/1", **asdict(found)}))
        return
    facts = {
        "kind": found.kind,
        "predicts": found.prediction or "",
        "VAE": "none: it is given where the model is used" if _lacks_vae(found) else "",
        "size": f"{found.bytes / 1e6:,.1f} MB, {found.tensors:,} tensors, {found.numbers:,} numbers",
        "types": _counted(found.dtypes),
        "ranks": _counted(found.ranks),
        "read by": ", ".join(found.clients) or "no program that is known",
        **found.modelspec,
        **found.training,
        "trigger words": ", ".join(found.trigger_words),
        "made of": "; ".join(found.ancestors),
        "merge": " ".join(found.merge.split("\n")).strip(),
        "thumbnail": f"{found.thumbnail_bytes:,} bytes" if found.thumbnail_bytes else "",
        **found.metadata,
    }
    for name, value in facts.items():
        if value:
            put(f"{name:<16} {value}")
    if found.components:
        put_table(
            [
                (
                    each.name,
                    each.kind,
                    f"{each.bytes / 1e6:,.1f}",
                    f"{each.tensors:,}",
                    _counted(each.dtypes),
                    ", ".join(each.files),
                )
                for each in found.components
            ],
            ("component", "class", "MB", "tensors", "types", "files"),
        )


def hash_of(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show the hashes by which model sites and programs know a file; of a folder, those of its files and tensors."""
    from curator.contract.base_model.file_hashes import FileHashes
    from curator.session.training.models import model_hashes

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
    words = {"autov2": "AutoV2", "autov3": "AutoV3", "tensors_sha256": "tensors"}
    for name, value in values.items():
        if value is not None:
            put(f"{words.get(name, name):<8} {value}")
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
    if found["equal"]:
        put("equal: every tensor has the same numbers")
        return
    blocks = [
        (each["block"], f"{each['different']:,} of {each['tensors']:,}", *_sizes(each))
        for each in found["blocks"]
        if each["tensors"]
    ]
    if blocks:
        put_table(blocks, ("block", "different", "largest", "relative"))
    if shown:
        put_table(
            [(each["block"], each["tensor"], *_sizes(each)) for each in shown],
            ("block", "tensor", "largest", "relative"),
        )
    alone = {which: set(found[f"only_in_{which}"]) for which in ("first", "second")}
    if other_sizes := sorted(alone["first"] & alone["second"]):
        put(f"{counted(len(other_sizes), 'tensor')} of other sizes, such as {other_sizes[0]}")
    for which, names in alone.items():
        if rest := sorted(names.difference(other_sizes)):
            put(f"{len(rest):,} in the {which} alone, such as {rest[0]}")


def _sizes(each: Mapping[str, Any]) -> tuple[str, str]:
    return _short(each["largest"]), _short(each["relative"])


def _short(value: float | None) -> str:
    """Three digits; a difference to NaN has no size."""
    return "NaN" if value is None else f"{value:.3g}"


def _lacks_vae(found: ModelInfo) -> bool:
    return found.kind in FAMILIES and not found.has_vae


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {name}" for name, count in counts.items())
