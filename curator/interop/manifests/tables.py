"""A manifest for programs that read tables: a Hugging Face imagefolder, or Parquet."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from curator.contract.caption.captions import SEPARATOR, CaptionParts
from curator.contract.errors import UserError
from curator.interop.manifests.placed_files import export_folder, place, placed_name
from curator.interop.manifests.walked import walked

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest, ManifestImage
    from curator.contract.progress import Progress

_ROWS = 5000


def write_imagefolder(
    manifest: Manifest, folder: Path, *, copy: bool, progress: Progress | None = None, replace: bool = False
) -> None:
    """`images/` with links or copies, and `metadata.jsonl` with the words.

    Where images are held out, both stand in `train/` and in `validation/`, the splits as Hugging Face reads them.
    """
    splits = ("train", "validation") if manifest.held_out else ("", "")
    with export_folder(folder, replace=replace) as home, ExitStack() as stack:
        files: dict[str, TextIO] = {}
        for split in dict.fromkeys(splits):
            (home / split / "images").mkdir(parents=True)
            files[split] = stack.enter_context((home / split / "metadata.jsonl").open("w", encoding="utf-8"))
        for row, image in enumerate(walked(manifest, progress)):
            name, split = placed_name(row, image), splits[image.is_held_out]
            place(manifest, image, home / split / "images" / name, copy=copy)
            entry = {
                "file_name": f"images/{name}",
                "text": whole_caption(image.parts),
                "tags": _tags(image.parts),
            }
            files[split].write(json.dumps({**entry, "caption": image.parts.text}) + "\n")


def write_parquet(manifest: Manifest, path: Path, progress: Progress | None = None) -> None:
    """One row an image.

    Raises:
        UserError: pyarrow is not installed.
        OSError: no space.
    """
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise UserError(
            "Parquet needs pyarrow, which is not installed", "pip install 'frieze[parquet]'"
        ) from error
    schema = _schema(arrow)
    rows = _rows(manifest, progress)
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(rows, _ROWS)):
            writer.write_table(arrow.Table.from_pylist(some, schema=schema))


def whole_caption(parts: CaptionParts) -> str:
    """The caption with nothing shuffled and nothing left out."""
    return SEPARATOR.join([*_tags(parts), *([parts.text] if parts.text else [])])


def _tags(parts: CaptionParts) -> list[str]:
    return [*parts.head, *parts.middle, *parts.tail]


def _schema(arrow: Any) -> Any:
    texts = [(name, arrow.string()) for name in ("path", "sha256", "subset", "text")]
    numbers = [(name, arrow.int32()) for name in ("width", "height", "bucket_width", "bucket_height")]
    more = [
        ("file_bytes", arrow.int64()),
        ("repeats", arrow.float64()),
        ("tags", arrow.list_(arrow.string())),
    ]
    return arrow.schema([*texts, *numbers, *more])


def _rows(manifest: Manifest, progress: Progress | None) -> Iterator[dict[str, Any]]:
    subsets = [subset.name for subset in manifest.header.subsets]
    return (_row(manifest, image, subsets[image.subset]) for image in walked(manifest, progress))


def _row(manifest: Manifest, image: ManifestImage, subset: str) -> dict[str, Any]:
    return {
        "path": visible_path(str(manifest.file_of(image))),
        "sha256": image.sha256,
        "subset": subset,
        "text": image.parts.text,
        "width": image.size[0],
        "height": image.size[1],
        "bucket_width": image.placement.bucket[0],
        "bucket_height": image.placement.bucket[1],
        "file_bytes": image.file_bytes,
        "repeats": image.repeats,
        "tags": _tags(image.parts),
    }


def visible_path(path: str) -> str:
    """A path as Unicode; bytes that are no UTF-8 are shown as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
