"""`frieze subset make-reg`: regularisation images made by the base model, as a subset (row S046)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.shared.options import CollectionOption
from curator.cli.shared.output import counted, put, say
from curator.cli.shared.places import opened
from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from curator.session.session import Session


def make_reg(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the subset they become.")],
    *,
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Base model that makes them.")],
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="The class, such as '1girl'.")],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many.")] = 100,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="One size for all; else as training's buckets are.")
    ] = "",
    caption: Annotated[
        str, typer.Option("--caption", metavar="TEXT", help="What their captions say; else the prompt.")
    ] = "",
    negative: Annotated[str, typer.Option("--negative", metavar="TEXT", help="What they shall not be.")] = "",
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Seed of the first.")] = 0,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, max=1000, help="Steps of each picture.")
    ] = 28,
    cfg: Annotated[
        float, typer.Option("--cfg", metavar="X", help="How closely they follow the prompt.")
    ] = 7.0,
    sampler: Annotated[
        Literal["ddim", "euler", "euler_a", "dpmpp_2m"],
        typer.Option("--sampler", help="How noise is taken away."),
    ] = "ddim",
    clip_skip: Annotated[
        int,
        typer.Option("--clip-skip", metavar="N", min=1, max=12, help="Which of the last text layers speaks."),
    ] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where they lie; else class/NAME.")
    ] = None,
    collection: CollectionOption = None,
) -> None:
    """Make pictures of the class with the base model, for regularisation. Stopped and asked again, it goes on."""
    from curator.contract.run.class_pictures import ClassPictures
    from curator.interop.apply import folder_filter
    from curator.runs.class_pictures import make

    with opened(collection) as session:
        known = {each.name: each for each in session.subsets.all()}
        folder = (out or session.folder / "class" / name).absolute()
        if name in known and (not known[name].is_reg or known[name].filter != folder_filter(folder)):
            raise UserError(f"there is a subset '{visible(name)}'", "choose another name")
        sizes = (_size(size),) * count if size else _sizes(session, folder, count)
        job = ClassPictures(
            model, prompt, caption or prompt, sizes, negative, seed, steps, cfg, sampler, clip_skip
        )
        make(folder, job, lambda done, total: say(f"{done} of {counted(total, 'picture')}"))
        session.images.scan(folder)
        if name not in known:  # one that was made before keeps what was set since
            _keep(session, name, folder)
    put(f"subset {visible(name)}: {counted(count)} in {visible(str(folder))}")


def _sizes(session: Session, folder: Path, count: int) -> tuple[Size, ...]:
    """As the buckets of what is trained were when these pictures were first asked for."""
    from curator.contract.run.class_pictures import JOB, read_job
    from curator.freeze.outlook import training_buckets
    from curator.runs.class_pictures import shared_sizes

    if (folder / JOB).exists() and len(earlier := read_job(folder).sizes) == count:
        return earlier
    return shared_sizes(training_buckets(session.collection), count)


def _size(text: str) -> Size:
    from curator.cli.shared.options import size_of
    from curator.contract.buckets import LONGEST_SIDE

    width, height = size_of(text)
    if width % 8 or height % 8 or min(width, height) < 64 or max(width, height) > LONGEST_SIDE:
        raise UserError(
            f"the size is {visible(text)}",
            f"give sides of 64 to {LONGEST_SIDE} that 8 divides, such as 512x768",
        )
    return width, height


def _keep(session: Session, name: str, folder: Path) -> None:
    from curator.freeze.spec import EVERYTHING
    from curator.index.tables.small_tables import Subset
    from curator.interop.apply import folder_filter

    with session.edits.grouped():
        if (
            not session.subsets.all()
        ):  # with a first subset of any kind, "everything" is no longer meant by itself
            session.subsets.save(EVERYTHING)
        session.subsets.add(Subset(name, folder_filter(folder), is_reg=True))
        session.subsets.put_first(name)  # their captions meet the filters of what is trained, too
