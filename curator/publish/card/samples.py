"""Sample images of a card: those of the published step, else the newest, with what they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    from curator.publish.subject import Subject

IMAGES = "images"
_NEGATIVE = "Negative prompt: "


class Sample(NamedTuple):
    """An image of the run, its place in the repository, and its prompt; `settings` in the words image browsers read."""

    path: Path
    remote: str
    prompt: str
    negative: str
    settings: str
    seed: int


def samples_of(subject: Subject, most: int) -> tuple[Sample, ...]:
    """Of the newest step with samples that the weights have reached, at most so many; none without the run."""
    if subject.run is None or subject.view is None or most < 1:
        return ()
    made = [
        each
        for each in subject.view.samples
        if subject.step is None or each.step <= subject.step
        if (subject.run.path / each.path).is_file()
    ]
    newest = max((each.step for each in made), default=0)
    chosen = [each for each in made if each.step == newest][:most]
    return tuple(_sample(subject.run.path / each.path, each.prompt, each.seed) for each in chosen)


def _sample(path: Path, prompt: str, seed: int) -> Sample:
    negative, settings = "", ""
    try:
        with Image.open(path) as image:
            lines = str(image.info.get("parameters", "")).splitlines()
    except (OSError, ValueError, SyntaxError):  # Pillow's own errors; the image is shown all the same
        lines = []
    for line in lines:
        if line.startswith(_NEGATIVE):
            negative = line.removeprefix(_NEGATIVE).strip()
        elif line.startswith("Steps: "):
            settings = line
    return Sample(path, f"{IMAGES}/{path.name}", prompt, negative, settings, seed)
