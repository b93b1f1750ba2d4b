"""`frieze captions`: captions of coming epochs, or what the rules and CLIP make of one text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.options.caption_rules import RuleOption, changed_rules
from curator.cli.options.epochs import EpochOption, EpochsOption, SeedOption, StepOption
from curator.cli.options.options import CollectionOption, JsonOption, LimitOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.shared.output import put, put_json, put_json_rows, say, say_cut
from curator.cli.shared.typer_apps import single
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.images import CaptionReport, CaptionRow, EpochCaption
    from curator.session.images.images import ImageRow


@takes_images
def captions(
    images: ImagesOrAll,
    *,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="CAPTION", help="Show this caption's weights and tokens instead."),
    ] = None,
    rule: RuleOption = None,
    epoch: EpochOption = 0,
    epochs: EpochsOption = 1,
    seed: SeedOption = 42,
    step: StepOption = None,
    max_tokens: Annotated[
        Literal["75", "150", "225"],
        typer.Option("--max-tokens", help="The recipe's text.max_tokens: the rest falls off."),
    ] = "75",
    weighted: Annotated[
        bool,
        typer.Option("--weighted", help="As with text.weighted_captions: brackets weigh and are no tokens."),
    ] = False,
    limit: LimitOption = 20,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show captions as the subsets' rules make them, with their tokens and what falls off.

    The draws of a training depend on the manifest's row: 'frieze manifest captions' shows those.
    """
    length, span = int(max_tokens), range(epoch, epoch + epochs)
    if text is not None:
        _show_text(text, rule or [], span, seed, step=step, length=length, as_json=as_json)
        return
    if rule:
        raise UserError("--rule is for --text", "give rules to a subset with 'frieze subset set'")
    found: list[CaptionRow] = []
    with opened(collection) as session:
        ids = images.of(session).ids
        shown = ids[: limit or None].tolist()
        texts = session.captions.of_images(shown, span, seed, step)
        for row in session.images.rows(shown):
            if row.id not in texts:
                say(f"{row.path}: this image is in no subset")
            for at, caption in enumerate(texts.get(row.id, ()), epoch):
                found.append(_row(row, at, caption, length, weighted=weighted))
        say_cut(len(shown), len(ids))
    if as_json:
        put_json_rows(found)
        return
    for each in found:
        put(each["path"], str(each["epoch"]), *marked(each))


def _row(image: ImageRow, epoch: int, caption: str, length: int, *, weighted: bool) -> CaptionRow:
    from curator.contract.caption.clip_tokens import counted as tokens_of
    from curator.contract.caption.prompt_weights import bracket_problem, parse_weights

    said = tokens_of(caption, length, weighted=weighted)
    return {
        "id": image.id,
        "path": image.path,
        "epoch": epoch,
        "caption": caption,
        "tokens": said.tokens,
        "chunks": said.chunks,
        "cut": said.cut.strip(),
        "weights": parse_weights(caption) if weighted else None,
        "problem": (bracket_problem(caption) or None) if weighted else None,
    }


def marked(row: CaptionRow) -> Iterator[str]:
    """A caption, then what falls off, and what is wrong with its brackets."""
    yield row["caption"]
    if row["cut"]:
        yield f"[{counted(row['tokens'], 'token')}; falls off: {row['cut']}]"
    if row["problem"]:
        yield f"[{row['problem']}]"


def _show_text(
    text: str, given: list[str], epochs: range, seed: int, *, step: int | None, length: int, as_json: bool
) -> None:
    from curator.contract.caption.clip_tokens import counted as tokens_of
    from curator.contract.caption.prompt_weights import bracket_problem, parse_weights

    said = tokens_of(text, length, weighted=True)
    about: CaptionReport = {
        "schema": "frieze/caption/1",
        "weights": parse_weights(text),
        "tokens": said.tokens,
        "chunks": said.chunks,
        "cut": said.cut.strip(),
        "problem": bracket_problem(text) or None,
        "captions": _drawn(text, changed_rules(CaptionRules(), given), epochs, seed, step) if given else [],
    }
    if as_json:
        put_json(about)
        return
    for part, weight in about["weights"]:
        put(f"{weight:.4g}", part)
    put(f"{counted(about['tokens'], 'token')}, {about['chunks']} x 75")
    if about["cut"]:
        put(f"falls off: {about['cut']}")
    if about["problem"]:
        put(about["problem"])
    for each in about["captions"]:
        put(str(each["epoch"]), each["caption"])


def _drawn(text: str, rules: CaptionRules, epochs: range, seed: int, step: int | None) -> list[EpochCaption]:
    """The caption of row 0 in each epoch, its tags those between commas."""
    from curator.contract.caption.captions import caption_of, split_caption
    from curator.contract.epoch_plan import Sample

    parts = split_caption([part.strip() for part in text.split(",") if part.strip()], "", rules)
    return [
        {"epoch": epoch, "caption": caption_of(parts, rules, seed, Sample(epoch, 0, 0), step)}
        for epoch in epochs
    ]


app = single(captions)
