"""`frieze explain`: everything about one image."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.captions_command import EpochsOption, SeedOption
from curator.cli.shared.options import CollectionOption, JsonOption
from curator.cli.shared.output import counted, put, put_json
from curator.cli.shared.places import opened
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.freeze.explain import Explanation
    from curator.session.session import Session


def explain(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Its number, its path, or part of its name.")],
    *,
    epochs: EpochsOption = 3,
    seed: SeedOption = 42,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell why an image would be trained or not, and how: subset, bucket, crop, captions, history."""
    from curator.freeze.explain import explain as explained

    with opened(collection) as session:
        said = explained(session.collection, _number(session, image), epochs, seed)
    if as_json:
        put_json(_as_json(said))
        return
    _put(said)


def _number(session: Session, image: str) -> int:
    """The image a person means.

    Raises:
        UserError: none, or several.
    """
    if image.isdecimal():
        return int(image)
    from curator.filter.tokens import in_quotes

    path = os.path.normpath(Path(image).absolute())
    rows = session.images.rows(session.images.select(f"name:{in_quotes(Path(image).name)}").ids.tolist())
    exact = [row for row in rows if row.full_path == path]
    if "/" in image:
        exact = exact or [row for row in rows if row.full_path.endswith("/" + image)]
    else:
        exact = exact or [row for row in rows if row.name == image] or rows
    if len(exact) == 1:
        return exact[0].id
    if not exact:
        raise UserError(f"no image is called '{visible(image)}'", "give its number, or part of its name")
    names = ", ".join(visible(row.path) for row in exact[:3])
    raise UserError(f"{len(exact)} images are called '{visible(image)}'", f"such as {names}; give the number")


def _as_json(said: Explanation) -> dict[str, Any]:
    about = asdict(said)
    about["tags"] = [{"name": tag.name, "class": tag.cls} for tag in said.tags]
    return about


def _put(said: Explanation) -> None:
    row = said.row
    put(f"image       {row.id}  {visible(row.full_path)}")
    put(
        f"file        {row.width}x{row.height} {row.format}, {row.file_bytes} bytes, sha256 {row.sha256[:16]}"
    )
    put(f"{'in' if said.is_in else 'out':<12}{visible(said.reason)}")
    for verdict in said.verdicts:
        put(f"  subset    {visible(verdict.subset)}: {visible(verdict.reason)}")
    if said.placement and said.is_in:
        (wide, high), (width, height) = said.placement.bucket, said.placement.resized
        cut = "cut anew each time" if said.is_cut_anew else f"cut at {said.placement.crop}"
        put(f"bucket      {wide}x{high}: scaled to {width}x{height}, {cut}")
        put(f"repeats     {said.repeats:g} an epoch")
    for each in said.frozen:
        put(f"manifest    {visible(each.manifest)}: row {each.row}, {each.repeats:g} an epoch")
    for name, value in said.facts.items():
        put(f"{name:<12}{visible(str(value))}")
    if said.picks:
        put(f"picks       {visible(', '.join(said.picks))}")
    put(f"tags        {visible(', '.join(f'{tag.name} ({tag.cls})' for tag in said.tags)) or 'none'}")
    for epoch, caption in enumerate(said.captions):
        put(f"epoch {epoch:<6}{visible(caption) or '(no caption)'}")
    for commit in said.history:
        when = datetime.fromtimestamp(commit.at).astimezone()
        undone = ", undone" if commit.undone else ""
        put(
            f"history     {when:%Y-%m-%d %H:%M} {visible(commit.what)} ({counted(commit.images_changed)}{undone})"
        )


app = single(explain)
