"""Decides how a pick is asked for, reported and kept from the command line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.options import AllByDefault, CollectionOption, JsonOption
from curator.cli.output import counted, put, put_json, put_table, say
from curator.cli.places import opened
from curator.cli.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.select.pick import Picked
    from curator.select.rules import PickRules
    from curator.session import Session


def pick(
    filter: AllByDefault = "",
    *,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range", metavar="FIRST..LAST:N", help="Draw N of these post numbers; may be repeated."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Seed of the draws.")] = 0,
    method: Annotated[
        Literal["keyed", "kohaku"],
        typer.Option("--method", help="kohaku draws with replacement, as Kohaku XL's script does."),
    ] = "keyed",
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Posted on this day or later: 2019-07-29 or 4y."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day that 4y is counted from."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="ORDER",
            help="random, score, fav, posted, post, id or score(NAME): high numbers come first, but the lowest id.",
        ),
    ] = "random",
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=0, help="Only the first N.")] = None,
    split: Annotated[
        str, typer.Option("--split", metavar="FILTER", help="These images make --share of the first N.")
    ] = "",
    share: Annotated[float, typer.Option("--share", metavar="P", help="Share of --split.")] = 0.5,
    shortage: Annotated[
        Literal["shrink", "fill", "stop"],
        typer.Option("--shortage", help="When a part is short: shrink both, fill with the other, or stop."),
    ] = "shrink",
    tag_list: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Images with any of these tags, one a line.")
    ] = None,
    cap: Annotated[
        int | None,
        typer.Option("--cap", metavar="N", min=1, help="At most N images of each --cap-class tag."),
    ] = None,
    cap_class: Annotated[str, typer.Option("--cap-class", metavar="CLASS", help="Class of tags.")] = "artist",
    save: Annotated[str, typer.Option("--save", metavar="NAME", help="Keep it: filter picked:NAME.")] = "",
    subset: Annotated[
        str, typer.Option("--subset", metavar="NAME", help="Keep it, and make a subset of it.")
    ] = "",
    mark: Annotated[
        Literal["keep", "reject"] | None, typer.Option("--mark", help="Mark its images; can be undone.")
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DUMP", help="Pick posts of a booru's dump instead of images of a collection."
        ),
    ] = None,
    ids: Annotated[
        bool, typer.Option("--ids", help="Print the images' numbers; of a dump, the posts'.")
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pick images by range, date, order, split and caps; every image left out is accounted for."""
    from curator.select.pick import pick as picked_by
    from curator.select.rules import PickRules, parse_range, parse_since, read_list

    today = as_of.date() if as_of else date.today()
    rules = PickRules(
        filter, read_list(tag_list) if tag_list else (), parse_since(since, today) if since else None,
        tuple(parse_range(each) for each in ranges or ()), method, seed, by.lower(), top, split, share, shortage, cap,
        cap_class,
    )  # fmt: skip
    if dump:
        if save or subset or mark:
            raise UserError(
                "posts of a dump are no images yet", "print them with --ids, or import the dump first"
            )
        picked, done = _picked_of_dump(dump, rules), ["see the post numbers with --ids or --json"]
    else:
        with opened(collection) as session:
            picked = picked_by(session.collection, rules)
            done = _keep(session, picked, save, subset, mark)
    if ids:
        for number in (picked.posts if dump else picked.ids).tolist():
            put(str(number))
        return
    _report(picked, done, as_json)


def _picked_of_dump(dump: Path, rules: PickRules) -> Picked:
    from curator.index.metadata import PostFacts
    from curator.interop.booru import booru_source
    from curator.interop.records import Dropped
    from curator.select.pick import pick_of
    from curator.select.posts import Posts

    rows = booru_source(dump, words=bool(rules.tags)).rows()
    posts = (
        row.reason if isinstance(row, Dropped) else (row.facts or PostFacts(row.post), row.tags or ())
        for row in rows
    )
    return pick_of(Posts(posts, rules.tags), rules, "in the dump")


def _keep(session: Session, picked: Picked, save: str, subset: str, mark: str | None) -> list[str]:
    """Do with the pick what was asked; gives it in words."""
    done: list[str] = []
    if subset and any(each.name == subset for each in session.subsets()):
        raise UserError(f"there is a subset '{visible(subset)}'", "choose another name, or --save it")
    for name in dict.fromkeys(name for name in (save, subset) if name):
        session.save_pick(name, picked)
        done.append(f"saved as picked:{name}")
    if subset:
        session.save_picked_subset(subset)
        done.append(f"subset {subset} made")
    if mark:
        commit = session.mark(picked.bitmap(), 1 if mark == "keep" else -1)
        done.append(f"{counted(commit.images_changed)} marked {mark}")
    return done


def _report(picked: Picked, done: list[str], as_json: bool) -> None:
    if as_json:
        put_json(
            {
                "images": len(picked.ids),
                "ids": picked.ids.tolist(),
                "posts": picked.posts.tolist(),
                "funnel": [{"reason": reason, "images": count} for reason, count in picked.funnel],
                "notes": list(picked.notes),
                "digest": picked.digest,
                "done": done,
            }
        )
        return
    put_table([(count, reason) for reason, count in picked.funnel], ("images", "of which"))
    put(f"digest {picked.digest}")
    for note in picked.notes:
        put(f"note: {visible(note)}")
    for each in done or ["nothing was kept: add --save, --subset or --mark"]:
        say(visible(each))


app = single(pick)
