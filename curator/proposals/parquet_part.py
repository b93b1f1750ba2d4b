"""Parts that the machines of a cluster wrote, read as answers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.contract.errors import UserError
from curator.contract.tagging.cluster import ANSWER_COLUMNS, MODEL_KEY
from curator.proposals.answers import Answers, contents_of

if TYPE_CHECKING:
    from pathlib import Path


def answers_of_parquet(part: Path, model: str) -> Answers:
    """What a part holds; `model` is the identity of the model that must have written it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or another model's.
        UserError: pyarrow is not installed.
    """
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UserError(
            "answers of a cluster need pyarrow, which is not installed", "pip install 'frieze[parquet]'"
        ) from None
    table: Any = parquet.read_table(part, page_checksum_verification=True)
    if (table.schema.metadata or {}).get(MODEL_KEY) != model.encode():
        raise ValueError("it is of another model")
    if missing := {*ANSWER_COLUMNS} - {*table.column_names}:
        raise ValueError(f"it has no column {', '.join(sorted(missing))}")
    labels, values = (table[name].combine_chunks() for name in ("labels", "values"))
    counts = labels.value_lengths().fill_null(0).to_numpy()
    if not np.array_equal(counts, values.value_lengths().fill_null(0).to_numpy()):
        raise ValueError("its labels and values differ in number")
    texts = table["text"].to_pylist()
    return Answers(
        contents_of(b"".join(table["sha256"].to_pylist())),
        counts.astype(np.int64),
        labels.flatten().to_numpy(zero_copy_only=False).astype(np.uint32),
        values.flatten().to_numpy(zero_copy_only=False).astype(np.float32),
        () if table["text"].null_count else tuple(text.encode("utf-8", "replace") for text in texts),
    )
