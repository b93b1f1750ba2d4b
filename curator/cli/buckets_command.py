"""Decides how buckets and placements are shown: of given sizes, or of a collection's images."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import (
    AllByDefault,
    CollectionOption,
    CropInputsOption,
    JsonOption,
    MaxOption,
    MinOption,
    ResampleOption,
    ResolutionOption,
    StepOption,
    UpscaleOption,
    changed_rule,
    size_of,
)
from curator.cli.output import put_json, put_table, say
from curator.cli.places import enclosing_collection, opened
from curator.cli.typer_apps import single
from curator.contract.buckets import BucketRule, Size, bucket_list, place
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.session import Session


def buckets(
    filter: AllByDefault = "",
    *,
    size: Annotated[
        list[str] | None,
        typer.Option(
            "--size", metavar="WxH", help="A picture's size instead of a collection; may be repeated."
        ),
    ] = None,
    resolution: ResolutionOption = None,
    least: MinOption = None,
    most: MaxOption = None,
    step: StepOption = None,
    upscale: UpscaleOption = None,
    resample: ResampleOption = None,
    crop_inputs: CropInputsOption = None,
    keep: Annotated[bool, typer.Option("--set", help="Keep this rule with the collection.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which size each picture is trained at, and how it is scaled and cut.

    What is not given of the rule is the collection's, or the usual of Stable Diffusion 1.x outside of one.
    """
    change = partial(
        changed_rule, resolution=resolution, least=least, most=most, step=step, upscale=upscale, resample=resample,
        crop_inputs=crop_inputs,
    )  # fmt: skip
    if size and filter:
        raise UserError("both sizes and a filter are given", "give one of them")
    if size and not keep and collection is None and enclosing_collection(Path.cwd()) is None:
        _show_sizes([size_of(text) for text in size], change(BucketRule()), as_json)
        return
    with opened(collection) as session:
        rule = session.change_bucket_rule(change) if keep else change(session.bucket_rule)
        if keep:
            say(f"the collection's rule is now {rule_in_words(rule)}")
        if size:
            _show_sizes([size_of(text) for text in size], rule, as_json)
        else:
            _show_images(session, filter, rule, as_json)


def rule_in_words(rule: BucketRule) -> str:
    """`512x512, sides 256 to 1024 by 64`, and what is out of the ordinary."""
    said = [
        f"{rule.width}x{rule.height}",
        f"sides {rule.min_side} to {rule.max_side} by {rule.step}",
        "" if rule.upscale else "without upscaling",
        "" if rule.resample == "auto" else f"scaled by {rule.resample}",
        "" if rule.crop_inputs == "true" else f"{rule.crop_inputs} crop inputs",
    ]
    return ", ".join(word for word in said if word)


def _show_sizes(sizes: list[Size], rule: BucketRule, as_json: bool) -> None:
    placed = [(size, place(size, rule)) for size in sizes]
    if as_json:
        rows = [{"size": s, "bucket": p.bucket, "resized": p.resized, "crop": p.crop} for s, p in placed]
        put_json({"buckets": bucket_list(rule), "sizes": rows})
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


def _show_images(session: Session, filter: str, rule: BucketRule, as_json: bool) -> None:
    """Images by bucket."""
    from curator.filter.buckets import buckets_of

    ids = session.select(filter).ids
    columns = session.collection.columns
    placed = buckets_of(columns.of("width")[ids], columns.of("height")[ids], rule)
    counts = Counter(placed.of_image.tolist())
    rows = [(placed.sizes[number], counts[number]) for number in sorted(counts) if number >= 0]
    if as_json:
        put_json({"buckets": bucket_list(rule), "images": [{"bucket": b, "images": n} for b, n in rows]})
        return
    total = max(len(ids), 1)
    put_table(
        [(_cross(b), f"{b[0] / b[1]:.2f}", n, f"{n / total:.1%}") for b, n in rows],
        ("bucket", "ratio", "images", "share"),
    )


def _cross(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


app = single(buckets)
