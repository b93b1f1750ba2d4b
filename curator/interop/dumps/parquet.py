"""Parquet files: some columns, a few thousand rows at a time, with pyarrow where that is installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import open_regular

_ROWS = 4096
_READ_BYTES = 1 << 20  # of a column at once, instead of the whole column of a group


def parquet_rows(file: Path, wanted: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Rows with those of the `wanted` columns that there are.

    Raises:
        UserError: pyarrow is not installed, or the file is no Parquet.
    """
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise UserError(
            "Parquet needs pyarrow, which is not installed", "pip install 'frieze[parquet]'"
        ) from error
    try:
        open_regular(file).close()
        opened = parquet.ParquetFile(file, buffer_size=_READ_BYTES)
        names = [name for name in wanted if name in opened.schema_arrow.names]
    except Exception as error:
        raise UserError(f"{file} is no Parquet file: {str(error)[:100]}", "write the file again") from error
    # One reader for all groups would keep those it has read; threads would decode columns ahead.
    return (
        row
        for group in range(opened.num_row_groups)
        for batch in opened.iter_batches(_ROWS, row_groups=[group], columns=names, use_threads=False)
        for row in batch.to_pylist()
    )
