"""`frieze buckets`: buckets and placements of given sizes, or of a collection's images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from curator.cli.options.lists import called, opened_list
from curator.cli.options.options import (
    BucketOptions,
    CollectionOption,
    JsonOption,
    size_of,
)
from curator.cli.options.places import enclosing_collection, opened
from curator.cli.options.selection import ImagesOrAll, Selection, takes_images
from curator.cli.shared.output import put_json, put_table, say
from curator.cli.shared.typer_apps import single, with_options
from curator.contract.buckets import BucketRule, Size, advice_on, bucket_list, place, rule_in_words
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.cli.schemas.images import BucketsReport, SizesReport
    from curator.session.session import Session

_IS_SIZE = re.compile(r"\d+(x\d+)?", re.ASCII | re.IGNORECASE)
_LONGEST_LINE = 100  # bytes


@takes_images
@with_options(BucketOptions)
def buckets(
    images: ImagesOrAll,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[WxH...]", help="More sizes behind --size.")
    ] = None,
    *,
    size: Annotated[
        list[str] | None,
        typer.Option(
            "--size", metavar="WxH", help="An image's size instead of a collection; may be repeated."
        ),
    ] = None,
    sizes_from: Annotated[
        Path | None,
        typer.Option(
            "--sizes-from",
            metavar="FILE",
            help="File of sizes instead of a collection, WxH a line; '-' is stdin.",
        ),
    ] = None,
    options: BucketOptions,
    keep: Annotated[bool, typer.Option("--set", help="Keep this rule with the collection.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which size each image is trained at, and how it is scaled and cut.

    What is not given of the rule is the collection's, or the usual of Stable Diffusion 1.x outside of one.
    """
    sizes = _sizes(images, more or [], size or [], sizes_from)
    if sizes is not None and not keep and collection is None and enclosing_collection(Path.cwd()) is None:
        rule = options.changed(BucketRule())
        _advise(rule)
        _show_sizes(sizes, rule, as_json)
        return
    with opened(collection) as session:
        rule = session.buckets.change_rule(options.changed) if keep else options.changed(session.buckets.rule)
        if keep:
            say(f"the collection's rule is now {rule_in_words(rule)}")
        _advise(rule)
        if sizes is not None:
            _show_sizes(sizes, rule, as_json)
        else:
            _show_images(session, images, rule, as_json)


def _sizes(
    images: Selection, more: Sequence[str], given: Sequence[str], sizes_from: Path | None
) -> list[Size] | None:
    """The sizes that are given in place of a collection's images, or None.

    Raises:
        UserError: one is no size, or there are a filter and sizes.
    """
    if sizes_from is not None and (given or not images.is_all):
        raise UserError("sizes are given in two ways, or beside a filter", "give --sizes-from alone")
    if sizes_from is not None:
        return _read_sizes(sizes_from)
    if not given:
        if more:
            raise UserError(f"{more[0]} is a word too many", "put a filter of several words in quotes")
        return None
    behind = [images.filter, *more] if images.filter else []
    if images.source is not None or any(not _IS_SIZE.fullmatch(word) for word in behind):
        raise UserError("both sizes and images are given", "give one of them")
    return [size_of(text) for text in (*given, *behind)]


def _read_sizes(file: Path) -> list[Size]:
    """The sizes of a file, one a line; empty lines are nothing."""
    with opened_list(str(file), "sizes, WxH a line,") as opened_file:
        return _sizes_of(opened_file, called(str(file)))


def _sizes_of(file: BinaryIO, name: str) -> list[Size]:
    found: list[Size] = []
    lines = iter(partial(file.readline, _LONGEST_LINE), b"")  # without an end of line it is not read whole
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8-sig", "replace").strip()
        try:
            found += [size_of(text)] if text else []
        except UserError as error:
            raise UserError(f"line {number} of {name}: {error.what}", error.hint) from error
    if not found:
        raise UserError(f"{name} holds no sizes", "write WxH a line, such as 768x512")
    return found


def _advise(rule: BucketRule) -> None:
    for advice in advice_on(rule):
        say(f"note: {advice}")


def _show_sizes(sizes: list[Size], rule: BucketRule, as_json: bool) -> None:
    placed = [(size, place(size, rule)) for size in sizes]
    if as_json:
        report: SizesReport = {
            "schema": "frieze/bucket-sizes/1",
            "buckets": bucket_list(rule),
            "sizes": [
                {"size": s, "bucket": p.bucket, "resized": p.resized, "crop": p.crop} for s, p in placed
            ],
        }
        put_json(report)
        return
    rows = [
        (
            _cross(s),
            _cross(p.bucket),
            _cross(p.resized),
            " ".join(map(str, p.crop)),
        )  # the crop is left top right bottom
        for s, p in placed
    ]
    put_table(rows, ("size", "bucket", "resized", "crop"))


def _show_images(session: Session, images: Selection, rule: BucketRule, as_json: bool) -> None:
    """Images by bucket."""
    found = images.of(session)
    ids = found.ids
    rows = session.buckets.counts(ids, rule)
    if as_json:
        report: BucketsReport = {
            "schema": "frieze/bucket-images/1",
            "buckets": bucket_list(rule),
            "images": [{"bucket": bucket, "images": count} for bucket, count in rows],
            "unknown_tags": found.unknown_tags,
        }
        put_json(report)
        return
    total = max(len(ids), 1)
    put_table(
        [(_cross(b), f"{b[0] / b[1]:.2f}", n, f"{n / total:.1%}") for b, n in rows],
        ("bucket", "ratio", "images", "share"),
    )


def _cross(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


app = single(buckets)
