"""`frieze pick`: sampling with a funnel report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from curator.cli.options.arguments import FILTER
from curator.cli.options.bulk_edit import ask
from curator.cli.options.options import (
    CollectionOption,
    DryRunOption,
    JsonOption,
    ReplaceOption,
    YesOption,
)
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, Selection, takes_images
from curator.cli.shared.output import put, put_json, put_table, say
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.images import PickReport
    from curator.select.rules import PickRules
    from curator.session.images.picks import PickResult
    from curator.session.session import Session

_OF_DUMPS = (".jsonl", ".ndjson", ".json", ".db", ".sqlite", ".parquet")

# which images

_Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="FIRST..LAST:N", help="Draw N of these post numbers; may be repeated."),
]
_Seed = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Seed of the draws.")]
_Method = Annotated[
    Literal["keyed", "kohaku"],
    typer.Option("--method", help="kohaku draws with replacement, as Kohaku XL's script does."),
]
_Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE", help="Posted on this day or later: 2019-07-29 or 4y."),
]
_AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day that 4y is counted from."),
]
_TagList = Annotated[
    Path | None, typer.Option("--list", metavar="FILE", help="Images with any of these tags, one a line.")
]
_Cap = Annotated[
    int | None,
    typer.Option(
        "--cap", metavar="N", min=1, help="At most N images of each --cap-class tag; default: any number."
    ),
]
_CapClass = Annotated[str, typer.Option("--cap-class", metavar="CLASS", help="Class of tags.")]
_Dump = Annotated[
    Path | None,
    typer.Option(
        "--dump", metavar="DUMP", help="Pick posts of a booru's dump instead of images of a collection."
    ),
]

_PostList = Annotated[
    Path | None,
    typer.Option(
        "--posts", metavar="FILE", help="Images of these post numbers, one a line, as --dump prints them."
    ),
]
_DrawAll = Annotated[
    bool,
    typer.Option(
        "--draw-all",
        help="Draw also posts of a dump that have no image; they leave then, as Kohaku XL's did.",
    ),
]

# which of them come first, and how many

_By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="ORDER",
        help="random, score, fav, posted, post, id or score(NAME): high numbers come first, but the lowest id.",
    ),
]
_Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=0, help="Only the first N images; default: all.")
]
_Split = Annotated[
    str, typer.Option("--split", metavar=FILTER, help="These images make --share of the first N.")
]
_Share = Annotated[float, typer.Option("--share", metavar="P", help="Share of --split, 0 to 1.")]
_Shortage = Annotated[
    Literal["shrink", "fill", "stop"],
    typer.Option("--shortage", help="When a part is short: shrink both, fill with the other, or stop."),
]

# what becomes of them

_Save = Annotated[str, typer.Option("--save", metavar="NAME", help="Keep it: filter picked:NAME.")]
_Subset = Annotated[str, typer.Option("--subset", metavar="NAME", help="Keep it, and make a subset of it.")]
_Mark = Annotated[
    Literal["keep", "reject"] | None, typer.Option("--mark", help="Mark its images; can be undone.")
]
_Ids = Annotated[bool, typer.Option("--ids", help="Print the images' numbers; of a dump, the posts'.")]


@takes_images
def pick(
    images: ImagesOrAll,
    *,
    ranges: _Ranges = None,
    seed: _Seed = 0,
    method: _Method = "keyed",
    since: _Since = None,
    as_of: _AsOf = None,
    by: _By = "random",
    top: _Top = None,
    split: _Split = "",
    share: _Share = 0.5,
    shortage: _Shortage = "shrink",
    tag_list: _TagList = None,
    post_list: _PostList = None,
    draw_all: _DrawAll = False,
    cap: _Cap = None,
    cap_class: _CapClass = "artist",
    save: _Save = "",
    subset: _Subset = "",
    mark: _Mark = None,
    replace: ReplaceOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    dump: _Dump = None,
    ids: _Ids = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pick images by range, date, order, split and caps; every image left out is accounted for."""
    from curator.select.rules import PickRules, parse_range, parse_since, read_list, read_posts

    today = as_of.date() if as_of else date.today()
    rules = PickRules(
        images.filter, read_list(tag_list) if tag_list else (), parse_since(since, today) if since else None,
        tuple(parse_range(each) for each in ranges or ()), method, seed, by.lower(), top, split, share, shortage, cap,
        cap_class, draw_all, read_posts(post_list) if post_list else None,
    )  # fmt: skip
    if draw_all and not dump:
        raise UserError(
            "a collection has images alone to draw from", "add --dump DUMP, or leave --draw-all out"
        )
    if dump:
        _refuse_keeping(save or subset or mark)
        picked, kept = (
            _picked_of_dump(dump, rules, images),
            _Kept(["see the post numbers with --ids or --json"]),
        )
        numbers = picked.posts
    else:
        keeping = _Keeping(save, subset, mark, replace)
        picked, kept = _picked_and_kept(collection, rules, images, None if dry_run else keeping, yes=yes)
        numbers = picked.ids
    if ids:
        for number in numbers.tolist():
            put(str(number))
        for reason, count in picked.funnel:
            say(f"{count} {reason}")
        for each in (*(f"note: {note}" for note in picked.notes), *(kept.done if not dump else ())):
            say(each)
    else:
        _report(picked, kept, as_json)


def _refuse_keeping(wanted: str | None) -> None:
    """Nothing can be kept of a dump."""
    if wanted:
        raise UserError(
            "posts of a dump are no images yet", "print them with --ids, or import the dump first"
        )


class _Keeping(NamedTuple):
    """What becomes of a pick: names to save it under, and a mark."""

    save: str
    subset: str
    mark: str | None
    replace: bool


def _picked_of_dump(dump: Path, rules: PickRules, images: Selection) -> PickResult:
    from curator.session.images.picks import Picks

    if images.source is not None:
        raise UserError("a dump and a list of images are given", "give one of --dump and --from")
    picked = Picks.pick_of_dump(dump, rules)
    images.refuse_nothing(len(picked.posts))
    return picked


def _picked_and_kept(
    collection: Path | None, rules: PickRules, images: Selection, keeping: _Keeping | None, *, yes: bool
) -> tuple[PickResult, _Kept]:
    """What was picked of a collection, and what was done with it; `keeping` None: nothing."""
    with opened(collection) as session:
        if images.source is not None and Path(images.source).suffix.lower() in _OF_DUMPS:
            what = f"{images.source} is no list of images"
            raise UserError(what, "for posts of a dump write --dump in place of --from")
        picked = session.picks.pick(rules, images.listed(session))
        images.check(session, picked.unknown_tags, len(picked.ids))
        if keeping is None:
            return picked, _Kept(["nothing was kept: a dry run"])
        return picked, _keep(session, picked, keeping, yes=yes)


class _Kept(NamedTuple):
    """What was done with a pick: in words, how many images it changed, and as which commit."""

    done: list[str]
    changed: int = 0
    commits: Sequence[int] = ()


def _keep(session: Session, picked: PickResult, keeping: _Keeping, *, yes: bool) -> _Kept:
    """Do with the pick what was asked."""
    from curator.index.changes.edits import SetMark

    done: list[str] = []
    changed = 0
    mark = SetMark(1 if keeping.mark == "keep" else -1)
    if keeping.mark and not yes and (count := session.edits.preview(mark, picked.bitmap())) > 1:
        ask(count)
    with session.edits.recorded() as commits, session.edits.grouped():
        for name in dict.fromkeys(name for name in (keeping.save, keeping.subset) if name):
            new = session.picks.save(name, picked, replace=keeping.replace)
            done.append(f"saved as picked:{name}" if new else f"picked:{name} holds these already")
        if keeping.subset:
            made = session.subsets.put_picked(keeping.subset)
            done.append(f"subset {keeping.subset} {'made' if made else 'shows it already'}")
        if keeping.mark:
            changed = session.edits.apply(mark, picked.bitmap()).images_changed
            done.append(f"{counted(changed)} marked {keeping.mark}")
    return _Kept(done, changed, commits)


def _report(picked: PickResult, kept: _Kept, as_json: bool) -> None:
    if as_json:
        _put_json(picked, kept)
        return
    put_table([(count, reason) for reason, count in picked.funnel], ("images", "of which"))
    put(f"digest {picked.digest}")
    for note in picked.notes:
        put(f"note: {note}")
    for each in kept.done or ["nothing was kept: add --save, --subset or --mark"]:
        say(each)


def _put_json(picked: PickResult, kept: _Kept) -> None:
    from curator.cli.schemas.words import image_funnel

    report: PickReport = {
        "schema": "frieze/pick/1",
        "images": len(picked.ids),
        "ids": picked.ids.tolist(),
        "posts": picked.posts.tolist(),
        "funnel": image_funnel(picked.funnel),
        "notes": picked.notes,
        "digest": picked.digest,
        "done": kept.done,
        "changed": kept.changed,
        "commit": kept.commits[0] if kept.commits else None,
    }
    put_json(report)


app = single(pick)
