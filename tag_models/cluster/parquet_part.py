"""Parts of a job as Parquet files: written by the machines of a cluster, their numbers read by who goes on with it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from curator.contract.files.whole_files import replace_file
from curator.contract.tagging.cluster import ANSWER_COLUMNS, MODEL_KEY, PARQUET

_HASH_BYTES = 32
# How each image was answered, and what else is to be told of it; `problem`: why it has no answer.
ROWS = pa.schema(
    [
        ("number", pa.uint32()),
        ("sha256", pa.binary(_HASH_BYTES)),
        ("labels", pa.list_(pa.uint32())),
        ("values", pa.list_(pa.float32())),
        ("text", pa.string()),
        ("path", pa.binary()),
        ("problem", pa.string()),
        ("warning", pa.string()),
        ("failure", pa.string()),
    ]
)


def rows_of(columns: dict[str, Sequence[Any]], count: int) -> Any:
    """A table of `ROWS`; columns that are not given are null."""
    empty = [None] * count
    return pa.table({field.name: columns.get(field.name, empty) for field in ROWS}, schema=ROWS)


def write_answers(folder: Path, rows: Any, identity: str) -> None:
    """Write the answers among `rows` whole or not at all; the same images get the same name: a retry doubles nothing.

    Raises:
        OSError: it cannot be written.
    """
    answered = rows.filter(rows["problem"].is_null()).select(ANSWER_COLUMNS)
    if not len(answered):
        return
    table = answered.replace_schema_metadata({MODEL_KEY: identity.encode()})
    data = io.BytesIO()
    parquet.write_table(table, data, compression="zstd", write_page_checksum=True)
    numbers = answered["number"].to_numpy().astype("<u4").tobytes()
    replace_file(folder / f"{hashlib.sha256(numbers).hexdigest()[:32]}{PARQUET}", data.getvalue())


def parquet_numbers(part: Path) -> NDArray[np.uint32]:
    """The numbers of the images that a part answers.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    return parquet.read_table(part, columns=["number"], page_checksum_verification=True)["number"].to_numpy()
