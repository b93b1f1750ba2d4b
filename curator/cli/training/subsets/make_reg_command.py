"""`frieze subset make-reg`: regularisation images made by the base model, as a subset (row S046)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.shared.output import progress_shown, put_json, tell
from curator.contract.errors import UserError
from curator.contract.locations import CLASS_IMAGES
from curator.contract.prompts.sampler_names import SamplerName
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.manifests import MadeImages
    from curator.contract.buckets import Size


def make_reg(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the subset they become.")],
    *,
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Base model that makes them.")],
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="The class, such as '1girl'.")],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many images.")] = 100,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="One size for all; else as training's buckets are.")
    ] = "",
    caption: Annotated[
        str, typer.Option("--caption", metavar="TEXT", help="What their captions say; else the prompt.")
    ] = "",
    negative: Annotated[str, typer.Option("--negative", metavar="TEXT", help="What they shall not be.")] = "",
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Seed of the first image.")] = 0,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, max=1000, help="Steps of each image.")
    ] = 28,
    cfg: Annotated[
        float, typer.Option("--cfg", metavar="X", help="How closely they follow the prompt.")
    ] = 7.0,
    sampler: Annotated[
        SamplerName,
        typer.Option("--sampler", metavar="NAME", help="How noise is taken away: a name of docs/samples.md."),
    ] = "ddim",
    clip_skip: Annotated[
        int,
        typer.Option("--clip-skip", metavar="N", min=1, max=12, help="Which of the last text layers speaks."),
    ] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help=f"Where they lie; else {CLASS_IMAGES}/NAME.")
    ] = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make images of the class with the base model, for regularisation. Stopped and asked again, it goes on."""
    from curator.contract.run.class_pictures import ClassPictures

    with opened(collection) as session:
        folder = (out or session.folder / CLASS_IMAGES / name).absolute()
        making = session.regularisation
        making.check_name(name, folder)
        sizes = (_size(size),) * count if size else making.sizes(folder, count)
        job = ClassPictures(
            model, prompt, caption or prompt, sizes, negative, seed, steps, cfg, sampler, clip_skip
        )
        with progress_shown("make") as show:
            making.make(name, folder, job, show)
    if as_json:
        report: MadeImages = {
            "schema": "frieze/make-reg/1", "subset": name, "path": str(folder), "images": count,
        }  # fmt: skip
        put_json(report)
        return
    tell(f"subset {name}: {counted(count)} in {folder}")


def _size(text: str) -> Size:
    from curator.cli.options.options import size_of
    from curator.contract.buckets import LONGEST_SIDE

    width, height = size_of(text)
    if width % 8 or height % 8 or min(width, height) < 64 or max(width, height) > LONGEST_SIDE:
        raise UserError(
            f"the size is {text}",
            f"give sides of 64 to {LONGEST_SIDE} that 8 divides, such as 512x768",
        )
    return width, height
