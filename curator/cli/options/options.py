"""Options that several commands share, so that a word means the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.arguments import FILTER
from curator.cli.options.places import COLLECTION_VARIABLE
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule

_LARGEST = 2**31 - 1  # pixels: the longest side a PNG can have

CollectionOption = Annotated[
    Path | None,
    typer.Option(
        "--collection",
        "-C",
        metavar="DIR",
        envvar=COLLECTION_VARIABLE,
        show_envvar=False,
        help=f"Folder of the collection; default: ${COLLECTION_VARIABLE}, or the one you stand in.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Name of the run (of several the living, else the newest), its beginning or folder.",
    ),
]
FilterArgument = Annotated[
    str, typer.Argument(metavar=FILTER, help="Which images, such as '1girl width>=1024'.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be done.")]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask first where several images are concerned.")
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Write over what is there already; else it is refused.")
]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Only the first N; 0 is all.")]


def size_of(text: str) -> tuple[int, int]:
    """`768x512`, or `512` for a square.

    Raises:
        UserError: it is neither.
    """
    width, cross, height = text.lower().partition("x")
    try:
        size = int(width), int(height if cross else width)
    except ValueError:
        size = 0, 0
    if not 1 <= min(size) <= max(size) <= _LARGEST:
        raise UserError(f"'{text}' is no size", "write 512 or 768x512")
    return size


@dataclass(frozen=True)
class BucketOptions:
    """Options of a bucket rule; what is not given is None."""

    resolution: Annotated[
        str | None,
        typer.Option(
            "--resolution",
            metavar="R",
            help="Area of the buckets: 512 or 768x512, in pixels; default: the collection's.",
        ),
    ]
    min_side: Annotated[
        int | None,
        typer.Option(
            "--min", metavar="A", help="Shortest side of a bucket, in pixels; default: the collection's."
        ),
    ]
    max_side: Annotated[
        int | None,
        typer.Option(
            "--max", metavar="B", help="Longest side of a bucket, in pixels; default: the collection's."
        ),
    ]
    step: Annotated[
        int | None,
        typer.Option("--step", metavar="S", help="Step between sides, in pixels; default: the collection's."),
    ]
    upscale: Annotated[
        bool | None,
        typer.Option("--upscale/--no-upscale", help="Whether small images are enlarged to a bucket."),
    ]
    resample: Annotated[
        str | None,
        typer.Option(
            "--resample",
            metavar="HOW",
            help="How pixels are scaled: auto, area, lanczos, bicubic, bilinear, nearest.",
        ),
    ]
    crop_inputs: Annotated[
        str | None,
        typer.Option(
            "--crop-inputs",
            metavar="WHAT",
            help="What SDXL is told of a crop: true, or letterbox as sd-scripts says.",
        ),
    ]

    def changed(self, rule: BucketRule) -> BucketRule:
        """`rule` with the options that were given in place of its own.

        Raises:
            UserError: what comes of it makes no buckets, or contradicts itself.
        """
        from curator.contract.buckets import checked

        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.resolution:
            given["width"], given["height"] = size_of(self.resolution)
        given.pop("resolution", None)
        return checked(replace(rule, **given))
