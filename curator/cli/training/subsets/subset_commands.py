"""`frieze subset`: subsets listed and changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from curator.cli.options.arguments import FILTER
from curator.cli.options.caption_rules import RuleOption, changed_rules
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption
from curator.cli.options.places import opened, opened_names
from curator.cli.options.selection import Selection, StrictToKeepOption
from curator.cli.shared.output import put, put_json, put_json_rows, put_named, put_table, tell, warn
from curator.cli.shared.typer_apps import noun, with_options
from curator.cli.training.subsets.make_reg_command import make_reg
from curator.cli.training.subsets.overfit_command import overfit
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.manifests import (
        BalanceReport,
        SubsetOrder,
        SubsetReport,
        SubsetRow,
        SubsetValues,
    )
    from curator.contract.manifest.header import ManifestSubset
    from curator.index.tables.rows import Subset
    from curator.session.images.images import Result
    from curator.session.session import Session

app = noun("List, add, put, change, order, balance and remove subsets; make images for regularisation.")
app.command()(make_reg)
app.command()(overfit)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the subset.")]
FilterOption = Annotated[str | None, typer.Option("--filter", metavar=FILTER, help="Which images it holds.")]


@dataclass(frozen=True)
class SubsetOptions:
    """Options of a subset and of its caption rules; what is not given is None."""

    repeats: Annotated[
        float | None,
        typer.Option(
            "--repeats",
            metavar="K",
            help="Times each image is shown an epoch, may be a fraction; default: 1.",
        ),
    ]
    loss_weight: Annotated[
        float | None, typer.Option("--loss-weight", metavar="W", help="Weight of its loss; default: 1.")
    ]
    flip: Annotated[bool | None, typer.Option("--flip/--no-flip", help="Mirror its images at random.")]
    is_reg: Annotated[
        bool | None,
        typer.Option(
            "--reg/--no-reg",
            help="Regularisation: shown as often as the others together, at its loss weight.",
        ),
    ]
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop", metavar="MODE", help="What is kept of a longer image: center, random or face."
        ),
    ]
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            metavar="MODE",
            help="Where the loss counts: none, alpha, or file (NAME-mask.png beside it).",
        ),
    ]
    validation_share: Annotated[
        float | None,
        typer.Option(
            "--validation-share",
            metavar="P",
            help="Share of its images held out of training, for validation, 0 to 1; default: 0 (0.05: one of 20).",
        ),
    ]
    validation_seed: Annotated[
        int | None,
        typer.Option("--validation-seed", metavar="N", help="Seed of which images are held out; default: 0."),
    ]
    shuffle: Annotated[
        bool | None, typer.Option("--shuffle/--no-shuffle", help="Shuffle the tags behind the kept.")
    ]
    keep_tags: Annotated[
        int | None, typer.Option("--keep-tags", metavar="N", help="First tags that never move; default: 0.")
    ]
    tag_dropout: Annotated[
        float | None,
        typer.Option("--tag-dropout", metavar="P", help="Share of tags left out, 0 to 1; default: 0."),
    ]
    caption_dropout: Annotated[
        float | None,
        typer.Option(
            "--caption-dropout", metavar="P", help="Share of captions left out whole, 0 to 1; default: 0."
        ),
    ]
    trigger: Annotated[
        str | None, typer.Option("--trigger", metavar="TAG", help="Tag that leads every caption.")
    ]
    rule: RuleOption

    def changed(self, subset: Subset) -> Subset:
        """`subset` with the options that were given in place of its own."""
        given = {name: value for name, value in vars(self).items() if value is not None and name != "rule"}
        rules = {name: given.pop(name) for name in list(given) if hasattr(subset.rules, name)}
        return replace(subset, **given, rules=changed_rules(subset.rules, self.rule or (), rules))


@app.command("list")
def list_subsets(
    names: Annotated[
        bool,
        typer.Option("--names", help="Only their names, one a line; no image is counted, so it is fast."),
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the subsets with their share of an epoch."""
    if names:
        _put_names(collection, as_json)
        return
    with opened(collection) as session:
        subsets = session.subsets.all()
        shares = {share.name: share for share in session.freezing.preview().subsets}
    if as_json:
        rows_json: Iterator[SubsetRow] = (
            {
                **cast("SubsetValues", asdict(each)),
                "images": shares[each.name].images,
                "held_out": shares[each.name].held_out,
                "samples": shares[each.name].samples,
                "share": shares[each.name].share,
            }
            for each in subsets
        )
        put_json_rows(rows_json)
        return
    rows = [
        (each.name, shares[each.name].images, f"{shares[each.name].repeats:g}", shares[each.name].samples,
         f"{shares[each.name].share:.1%}", subset_summary(each), each.filter or "(every image)")
        for each in subsets
    ]  # fmt: skip
    put_table(rows, ("name", "images", "repeats", "samples", "share", "options", "filter"))


def _put_names(collection: Path | None, as_json: bool) -> None:
    with opened_names(collection) as known:
        subsets = known.subsets()
    if as_json:
        put_json_rows({"name": each.name, "filter": each.filter} for each in subsets)
        return
    for each in subsets:
        put(each.name)


@app.command()
@with_options(SubsetOptions)
def add(
    name: NameArgument,
    filter: Annotated[str, typer.Argument(metavar=FILTER, help="Which images it holds.")],
    *,
    options: SubsetOptions,
    strict: StrictToKeepOption = False,
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a subset."""
    from curator.index.tables.rows import Subset

    with opened(collection) as session, session.edits.trial(is_dry=dry_run):
        subset = options.changed(Subset(name, filter))
        found = Selection(filter, is_strict=strict).of(session)
        with session.edits.recorded() as commits:
            session.subsets.add(subset)
        _tell(session, subset, found, commits, dry_run=dry_run, as_json=as_json)


@app.command("put")
@with_options(SubsetOptions)
def put_subset(
    name: NameArgument,
    filter: Annotated[str, typer.Argument(metavar=FILTER, help="Which images it holds.")],
    *,
    options: SubsetOptions,
    strict: StrictToKeepOption = False,
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a subset, or change the one of its name to exactly this: what is not given is as in a new one."""
    from curator.index.tables.rows import Subset

    with opened(collection) as session, session.edits.trial(is_dry=dry_run):
        subset = options.changed(Subset(name, filter))
        found = Selection(filter, is_strict=strict).of(session)
        with session.edits.recorded() as commits:
            before = session.subsets.save(subset)
        done = "added" if before is None else "unchanged" if before == subset else "changed"
        _tell(session, subset, found, commits, dry_run=dry_run, as_json=as_json, done=done)


@app.command()
def order(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Subsets in the order they choose.")],
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let these subsets choose their images first, in this order: an image is in the first that its filter meets."""
    with opened(collection) as session, session.edits.trial(is_dry=dry_run):
        with session.edits.recorded() as commits:
            changed = session.subsets.put_in_order(names)
        ordered = [each.name for each in session.subsets.all()]
    if as_json:
        report: SubsetOrder = {
            "schema": "frieze/subset-order/1",
            "subsets": ordered,
            "dry_run": dry_run,
            "commit": commits[0] if commits and not dry_run else None,
        }
        put_json(report)
        return
    tell(f"order of subsets: {', '.join(ordered)}")
    if dry_run or not changed:
        tell("nothing was changed")


@app.command("set")
@with_options(SubsetOptions)
def change(
    name: NameArgument,
    *,
    filter: FilterOption = None,
    options: SubsetOptions,
    strict: StrictToKeepOption = False,
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a subset; what is not given stays."""
    with opened(collection) as session, session.edits.trial(is_dry=dry_run):
        now = next((each.filter for each in session.subsets.all() if each.name == name), "")
        found = Selection(now if filter is None else filter, is_strict=strict).of(session)
        with session.edits.recorded() as commits:
            subset = session.subsets.change(
                name, lambda now: options.changed(now if filter is None else replace(now, filter=filter))
            )
        _tell(session, subset, found, commits, dry_run=dry_run, as_json=as_json)


def _tell(
    session: Session,
    subset: Subset,
    found: Result,
    commits: Sequence[int],
    *,
    dry_run: bool,
    as_json: bool,
    done: str = "",
) -> None:
    """Say what a subset is now, and whether one before it has images that it was meant for."""
    images, taken = session.subsets.counted(subset.name)
    if as_json:
        report: SubsetReport = {
            "schema": "frieze/subset/1",
            **cast("SubsetValues", asdict(subset)),
            "images": len(found),
            "dry_run": dry_run,
            "commit": commits[0] if commits and not dry_run else None,
            "unknown_tags": found.unknown_tags,
        }
        put_json(report)
    else:
        words = f", {done}" if done else ""
        tell(f"subset {subset.name}: {counted(images)} x {subset.repeats:g}{words}")
        if dry_run:
            tell("nothing was changed")
    if taken:
        warn(
            f"{counted(taken)} more of its filter {'is' if taken == 1 else 'are'} in subsets before it"
            "; 'frieze subset order NAME...' says which chooses first"
        )


@app.command()
def balance(
    *,
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set repeats so that all subsets share an epoch equally. Regularisation is balanced by the freeze itself."""
    with opened(collection) as session, session.edits.recorded() as commits:
        changed = session.subsets.balanced() if dry_run else session.subsets.balance()
    if as_json:
        report: BalanceReport = {
            "schema": "frieze/balance/1",
            "subsets": [
                {"name": each.name, "images": each.images, "before": each.before, "repeats": each.repeats,
                 "samples": each.samples}
                for each in changed
            ],
            "dry_run": dry_run,
            "commit": commits[0] if commits else None,
        }  # fmt: skip
        put_json(report)
        return
    rows = [
        (each.name, each.images, f"{each.before:g}", f"{each.repeats:g}", f"{each.samples:g}")
        for each in changed
    ]
    put_table(rows, ("name", "images", "repeats were", "are", "samples"))
    if dry_run:
        put("nothing was changed")


@app.command()
def remove(name: NameArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Remove a subset; its images stay in the collection."""
    with opened(collection) as session, session.edits.recorded() as commits:
        session.subsets.remove(name)
    put_named(name, commits) if as_json else tell(f"subset {name} removed")


def subset_summary(subset: Subset | ManifestSubset) -> str:
    """`reg, flip, face crop`: what is out of the ordinary."""
    held_out = getattr(subset, "validation_share", 0.0)  # a manifest says it of each row
    said = [
        "reg" if subset.is_reg else "",
        "flip" if subset.flip else "",
        f"{subset.crop} crop" if subset.crop != "center" else "",
        f"mask by {subset.mask}" if subset.mask != "none" else "",
        f"{held_out:.3g} held out" if held_out else "",
        f"loss x {subset.loss_weight:g}" if subset.loss_weight != 1 else "",
    ]
    return ", ".join(word for word in said if word)
