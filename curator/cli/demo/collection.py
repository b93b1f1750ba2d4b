"""The demo's collection: the photographs of the scikit-image wheel, tagged by hand, in two subsets."""

from __future__ import annotations

import importlib.util
import shutil
import tomllib
from importlib import resources
from pathlib import Path

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.index.tables.rows import Subset

RULE = BucketRule(64, 64, 32, 128, 16)
SUBSETS = (
    Subset(
        "colour",
        "-monochrome",
        repeats=3.0,
        flip=True,
        rules=CaptionRules(shuffle=True, keep_tags=1, tag_dropout=0.1),
    ),
    Subset("grey", "monochrome", repeats=1.5, rules=CaptionRules(shuffle=True, caption_dropout=0.1)),
)


def photographs() -> Path:
    """The folder of the wheel's images.

    Raises:
        UserError: the extra is not installed.
    """
    found = importlib.util.find_spec("skimage")  # looked up, not imported: it takes a second and brings scipy
    if found is None or not found.submodule_search_locations:
        raise UserError("the demo's photographs are not installed", "pip install 'frieze[demo]'")
    return Path(found.submodule_search_locations[0], "data")


def hand_made_tags() -> dict[str, str]:
    """The tags of each photograph by its file name."""
    return tomllib.loads((resources.files("curator.cli") / "demo_pictures.toml").read_text("utf-8"))


def lay_out(folder: Path) -> int:
    """Copy the photographs that are not there yet into `folder`, each with its tags beside it; gives how many."""
    source, tags = photographs(), hand_made_tags()
    folder.mkdir(parents=True, exist_ok=True)
    for name, caption in tags.items():
        if not (source / name).is_file():
            raise UserError(f"scikit-image no longer has {name}", "install scikit-image 0.26")
        if (folder / name).exists():
            continue
        (folder / name).with_suffix(".txt").write_text(caption + "\n", "utf-8")
        shutil.copyfile(source / name, folder / name)
    return len(tags)
