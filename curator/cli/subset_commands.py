"""Decides how subsets are listed and changed from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.caption_rules import RuleOption, changed_rules
from curator.cli.options import CollectionOption, DryRunOption, JsonOption
from curator.cli.output import counted, put, put_json, put_json_rows, put_table
from curator.cli.places import opened
from curator.cli.typer_apps import noun
from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.index.small_tables import Subset

app = noun("List, add, change, balance and remove subsets.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the subset.")]
FilterOption = Annotated[
    str | None, typer.Option("--filter", metavar="FILTER", help="Which images it holds.")
]
RepeatsOption = Annotated[
    float | None,
    typer.Option("--repeats", metavar="K", help="Times each image is shown an epoch; may be a fraction."),
]
WeightOption = Annotated[float | None, typer.Option("--loss-weight", metavar="W", help="Weight of its loss.")]
FlipOption = Annotated[bool | None, typer.Option("--flip/--no-flip", help="Mirror its images at random.")]
ShuffleOption = Annotated[
    bool | None, typer.Option("--shuffle/--no-shuffle", help="Shuffle the tags behind the kept.")
]
KeepOption = Annotated[
    int | None, typer.Option("--keep-tags", metavar="N", help="First tags that never move.")
]
TagDropOption = Annotated[
    float | None, typer.Option("--tag-dropout", metavar="P", help="Share of tags left out.")
]
DropOption = Annotated[
    float | None, typer.Option("--caption-dropout", metavar="P", help="Share of captions left out whole.")
]
TriggerOption = Annotated[
    str | None, typer.Option("--trigger", metavar="TAG", help="Tag that leads every caption.")
]


@app.command("list")
def list_subsets(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """List the subsets with their share of an epoch."""
    with opened(collection) as session:
        subsets = session.subsets()
        shares = {share.name: share for share in session.preview().subsets}
    if as_json:
        put_json_rows(
            {**asdict(each), "images": shares[each.name].images, "samples": shares[each.name].samples,
             "share": shares[each.name].share}
            for each in subsets
        )  # fmt: skip
        return
    rows = [
        (each.name, shares[each.name].images, f"{each.repeats:g}", shares[each.name].samples,
         f"{shares[each.name].share:.1%}", each.filter or "(every image)")
        for each in subsets
    ]  # fmt: skip
    put_table(rows, ("name", "images", "repeats", "samples", "share", "filter"))


@app.command()
def add(
    name: NameArgument,
    filter: Annotated[str, typer.Argument(metavar="FILTER", help="Which images it holds.")],
    *,
    repeats: RepeatsOption = None,
    loss_weight: WeightOption = None,
    flip: FlipOption = None,
    shuffle: ShuffleOption = None,
    keep_tags: KeepOption = None,
    tag_dropout: TagDropOption = None,
    caption_dropout: DropOption = None,
    trigger: TriggerOption = None,
    rule: RuleOption = None,
    collection: CollectionOption = None,
) -> None:
    """Add a subset."""
    from curator.index.small_tables import Subset

    with opened(collection) as session:
        if any(each.name == name for each in session.subsets()):
            raise UserError(f"there is a subset '{visible(name)}'", "change it with 'frieze subset set'")
        subset = _changed(
            Subset(name, filter),
            {"repeats": repeats, "loss_weight": loss_weight, "flip": flip},
            _rules(shuffle, keep_tags, tag_dropout, caption_dropout, trigger),
            rule or (),
        )
        session.save_subset(subset)
        put(f"subset {visible(name)}: {counted(len(session.select(filter)))} x {subset.repeats:g}")


@app.command("set")
def change(
    name: NameArgument,
    *,
    filter: FilterOption = None,
    repeats: RepeatsOption = None,
    loss_weight: WeightOption = None,
    flip: FlipOption = None,
    shuffle: ShuffleOption = None,
    keep_tags: KeepOption = None,
    tag_dropout: TagDropOption = None,
    caption_dropout: DropOption = None,
    trigger: TriggerOption = None,
    rule: RuleOption = None,
    collection: CollectionOption = None,
) -> None:
    """Change a subset; what is not given stays."""
    with opened(collection) as session:
        known = {each.name: each for each in session.subsets()}
        if name not in known:
            raise UserError(f"there is no subset '{visible(name)}'", did_you_mean(name, known))
        subset = _changed(
            known[name],
            {"filter": filter, "repeats": repeats, "loss_weight": loss_weight, "flip": flip},
            _rules(shuffle, keep_tags, tag_dropout, caption_dropout, trigger),
            rule or (),
        )
        session.save_subset(subset)
        put(f"subset {visible(name)}: {counted(len(session.select(subset.filter)))} x {subset.repeats:g}")


@app.command()
def balance(
    reg: Annotated[
        list[str] | None,
        typer.Option(
            "--reg", metavar="NAME", help="These are regularisation: they get as much as the others."
        ),
    ] = None,
    *,
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set repeats so that all subsets share an epoch equally, or regularisation matches the rest."""
    from curator.freeze.balance import equal_shares, regularised

    with opened(collection) as session:
        shares = session.preview().subsets
        changed, surplus = regularised(shares, reg) if reg else (equal_shares(shares), 0.0)
        if not dry_run:
            known = {each.name: each for each in session.subsets()}
            for each in changed:
                session.save_subset(replace(known[each.name], repeats=each.repeats))
    if as_json:
        put_json(
            {"subsets": [{**asdict(each), "samples": each.samples} for each in changed], "surplus": surplus}
        )
        return
    rows = [
        (each.name, each.images, f"{each.before:g}", f"{each.repeats:g}", f"{each.samples:g}")
        for each in changed
    ]
    put_table(rows, ("name", "images", "repeats were", "are", "samples"))
    if surplus > 0:
        put(f"{surplus:g} samples of regularisation were surplus")
    if dry_run:
        put("nothing was changed")


@app.command()
def remove(name: NameArgument, collection: CollectionOption = None) -> None:
    """Remove a subset; its images stay in the collection."""
    with opened(collection) as session:
        session.remove_subset(name)
    put(f"subset {visible(name)} removed")


def _rules(
    shuffle: bool | None,
    keep_tags: int | None,
    tag_dropout: float | None,
    caption_dropout: float | None,
    trigger: str | None,
) -> dict[str, object]:
    return {
        "shuffle": shuffle,
        "keep_tags": keep_tags,
        "tag_dropout": tag_dropout,
        "caption_dropout": caption_dropout,
        "trigger": trigger,
    }


def _changed(
    subset: Subset, values: dict[str, object], rules: dict[str, object], more: Sequence[str]
) -> Subset:
    """`subset` with the values that were given."""
    given = {name: value for name, value in values.items() if value is not None}
    return replace(subset, **given, rules=changed_rules(subset.rules, more, rules))
