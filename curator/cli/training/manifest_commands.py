"""`frieze manifest`: manifests listed, shown and verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from curator.cli.options.epochs import EpochOption, EpochsOption, SeedOption, StepOption
from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import collection_folder, manifest_file, manifests_of
from curator.cli.schemas.words import image_funnel
from curator.cli.shared.output import progress_shown, put, put_json, put_json_rows, put_table, say, tell
from curator.cli.shared.typer_apps import noun
from curator.cli.training.manifest_exchange import ManifestArgument, diff, export, import_manifest
from curator.contract.epoch_plan import EpochPlan, Leftovers
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.images import EpochCaption
    from curator.cli.schemas.manifests import (
        BucketLoad,
        FrozenSubset,
        ManifestCheck,
        ManifestReport,
        ManifestRow,
    )
    from curator.cli.schemas.manifests import BucketRule as RuleReport
    from curator.contract.buckets import BucketRule
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest

app = noun("List, show, verify, compare, export and import manifests.")
app.command()(diff)
app.command()(export)
app.command("import")(import_manifest)


@app.command("list")
def list_manifests(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """List the manifests, newest first."""
    damaged: list[UserError] = []
    found = manifests_of(collection_folder(collection)).all(damaged.append)
    for why in damaged:
        say(f"passed over: {why.what}: {why.hint}")
    if as_json:
        rows_json: Iterator[ManifestRow] = (
            {
                "path": str(each.path.absolute()),
                "name": each.name,
                "digest": each.digest,
                "images": each.images,
                "held_out": each.held_out,
                "samples_per_epoch": each.samples_per_epoch,
                "created_at": each.created_at,
            }
            for each in found
        )
        put_json_rows(rows_json)
        return
    rows = [(m.name, m.images, m.samples_per_epoch, m.created_at, m.digest[:12]) for m in found]
    put_table(rows, ("name", "images", "samples", "made", "digest"))


@app.command()
def show(
    manifest: ManifestArgument,
    *,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="B", min=1, help="Images on one device at once.")
    ] = 1,
    accumulate: Annotated[
        int, typer.Option("--accumulate", metavar="A", min=1, help="Device batches in one step.")
    ] = 1,
    processes: Annotated[
        int, typer.Option("--processes", metavar="P", min=1, help="Devices that train together.")
    ] = 1,
    leftovers: Annotated[
        Leftovers,
        typer.Option("--leftovers", help="What fills no batch, as in the recipe."),
    ] = "short",
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a manifest holds, and the steps of its first epoch."""
    from curator.contract.manifest.manifest import open_manifest

    with open_manifest(manifest_file(manifest, collection)) as opened_manifest:
        plan = EpochPlan(opened_manifest.spans, batch_size * accumulate * processes, 0, leftovers)
        about, header = _about(opened_manifest, plan, batch_size), opened_manifest.header
    if as_json:
        put_json(about)
        return
    _put_about(about, header.rule, header.subsets)


def _about(manifest: Manifest, plan: EpochPlan, batch_size: int) -> ManifestReport:
    header = manifest.header
    samples: dict[int, int] = {}
    images: dict[int, int] = {}
    for span in manifest.spans:
        samples[span.bucket] = samples.get(span.bucket, 0) + span.samples
        images[span.bucket] = images.get(span.bucket, 0) + span.rows
    steps = plan.bucket_batches(0)
    buckets: list[BucketLoad] = [
        {
            "bucket": header.buckets[b],
            "images": images[b],
            "samples": samples[b],
            "batches": _device_batches(samples[b], steps.get(b, 0), plan, batch_size),
            "steps": steps.get(b, 0),
        }
        for b in sorted(images)
    ]
    return {
        "schema": "frieze/manifest/1",
        "name": header.provenance.name,
        "path": str(manifest.path.absolute()),
        "digest": header.digest,
        "created_at": header.provenance.created_at,
        "images": len(manifest.trained),
        "held_out": len(manifest.held_out),
        "samples_per_epoch": plan.samples_per_epoch,
        "effective_batch": plan.batch_size,
        "batches_per_epoch": sum(each["batches"] for each in buckets),
        "steps_per_epoch": plan.batches(0),
        "rule": cast("RuleReport", asdict(header.rule)),
        "buckets": buckets,
        "subsets": [cast("FrozenSubset", asdict(subset)) for subset in header.subsets],
        "funnel": image_funnel(header.provenance.funnel),
    }


def _device_batches(samples: int, steps: int, plan: EpochPlan, batch_size: int) -> int:
    """Batches of one device that the steps of a bucket are made of; the last step may be short."""
    shown = samples if plan.leftovers == "short" else steps * plan.batch_size
    full, rest = divmod(shown, plan.batch_size)
    return full * (plan.batch_size // batch_size) + -(-rest // batch_size)


def _put_about(about: ManifestReport, rule: BucketRule, subsets: Sequence[ManifestSubset]) -> None:
    from curator.cli.training.subsets.subset_commands import subset_summary
    from curator.contract.buckets import rule_in_words

    put(f"manifest    {about['name']}, made {about['created_at']}")
    put(f"digest      {about['digest']}")
    put(f"rule        {rule_in_words(rule)}")
    held_out = f", {about['held_out']} held out for validation" if about["held_out"] else ""
    put(f"images      {about['images']}, {counted(about['samples_per_epoch'], 'sample')} an epoch{held_out}")
    put(
        f"steps       {about['steps_per_epoch']} an epoch with {counted(about['effective_batch'])} a step"
        f" ({counted(about['batches_per_epoch'], 'device batch', 'device batches')})"
    )
    put()
    rows = [(s.name, f"{s.repeats:g}", subset_summary(s), s.filter or "(every image)") for s in subsets]
    put_table(rows, ("subset", "repeats", "options", "filter"))
    put()
    buckets = [
        ("x".join(map(str, b["bucket"])), b["images"], b["samples"], b["batches"], b["steps"])
        for b in about["buckets"]
    ]
    put_table(buckets, ("bucket", "images", "samples", "batches", "steps"))
    put()
    put_table([(each["images"], each["reason"]) for each in about["funnel"]], ("images", "of which"))


@app.command()
def verify(
    manifest: ManifestArgument,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare file sizes only, without reading the files.")
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that neither the manifest nor its images changed since the freeze."""
    from curator.contract.manifest.seal import DamagedManifestError

    file = manifest_file(manifest, collection)
    try:
        with progress_shown("verify") as show:
            digest, images, problems = manifests_of(collection).verify(file, show, quick=quick)
    except DamagedManifestError as error:
        raise UserError(error.what, error.hint, ExitCode.NO) from error
    if as_json:
        report: ManifestCheck = {
            "schema": "frieze/manifest-verify/1",
            "digest": digest,
            "images": images,
            "problems": [{"path": str(path), "reason": reason} for path, reason in problems],
        }
        put_json(report)
    else:
        for path, reason in problems:
            put(f"{path}: {reason}")
    if problems:
        raise UserError(
            f"{counted(len(problems), f'of {counted(images)} is', f'of {counted(images)} are')} not what was frozen",
            "restore them, or freeze again",
            ExitCode.NO,
        )
    if not as_json:
        tell(f"{counted(images)} and the digest are sound")


@app.command()
def captions(
    manifest: ManifestArgument,
    row: Annotated[int, typer.Argument(metavar="ROW", min=0, help="Row of the manifest, counted from 0.")],
    *,
    epoch: EpochOption = 0,
    epochs: EpochsOption = 1,
    seed: SeedOption = 42,
    copy: Annotated[
        int, typer.Option("--copy", metavar="K", min=0, help="Which repeat of the image, counted from 0.")
    ] = 0,
    step: StepOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the captions of one image exactly as they are trained."""
    path = manifest_file(manifest, collection)
    texts = manifests_of(collection).captions(path, row, range(epoch, epoch + epochs), seed, copy, step=step)
    if as_json:
        rows: Iterator[EpochCaption] = (
            {"epoch": each, "caption": text} for each, text in enumerate(texts, epoch)
        )
        put_json_rows(rows)
        return
    for i, text in enumerate(texts):
        put(str(epoch + i), text)
