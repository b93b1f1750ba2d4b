"""Answers of a model, made from plain dicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from curator.proposals.answers import Answers
from curator.proposals.kept_model import AboutModel, KeptModel

LABELS = {
    "general": "rating", "sensitive": "rating", "questionable": "rating", "explicit": "rating",
    "1girl": "general", "hair": "general", "long_hair": "general", "smile": "general", ">_<": "general",
    "hakurei_reimu": "character", "kirisame_marisa": "character", "tags,_with_comma": "general",
}  # fmt: skip
NUMBER = {name: number for number, name in enumerate(LABELS)}
ABOUT = AboutModel("ab" * 32, "tags", ("tagger",), tuple(LABELS), tuple(LABELS.values()))


def answers(rows: Mapping[int, Mapping[int, float]]) -> Answers:
    """From content to label number to value."""
    return Answers(
        np.array(list(rows), np.uint64),
        np.array([len(values) for values in rows.values()], np.int64),
        np.array([label for values in rows.values() for label in values], np.uint32),
        np.array([value for values in rows.values() for value in values.values()], np.float32),
    )


def said(rows: Mapping[int, Mapping[str, float]]) -> Answers:
    """From content to label to value, of `ABOUT`."""
    return answers(
        {content: {NUMBER[name]: value for name, value in row.items()} for content, row in rows.items()}
    )


def as_rows(answered: Answers) -> dict[int, dict[int, float]]:
    """Back again."""
    rows: dict[int, dict[int, float]] = {}
    starts = answered.starts.tolist()
    for content, start, count in zip(
        answered.contents.tolist(), starts, answered.counts.tolist(), strict=True
    ):
        span = slice(start, start + count)
        rows[content] = dict(zip(answered.labels[span].tolist(), answered.values[span].tolist(), strict=True))
    return rows


def add_one_by_one(folder: Path, contents: range) -> None:
    """In a process of its own: keep one answer after another."""
    for content in contents:
        KeptModel.open(folder).add(answers({content: {4: 0.5}}))
