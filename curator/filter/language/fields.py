"""The fields of the filter language: names, kinds, and which can be sorted by."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Kind = Literal["tag", "number", "date", "text", "word", "limit", "sort"]


class Field(NamedTuple):
    """One key. `words` are the values it takes where these are few; `help` is one line for people."""

    name: str
    kind: Kind
    help: str
    words: tuple[str, ...] = ()


_ALL = (
    Field("tag", "tag", "a tag, also one that looks like a key: tag:sort"),
    Field("width", "number", "pixels, after the EXIF turn: width>=1024"),
    Field("height", "number", "pixels, after the EXIF turn"),
    Field("area", "number", "width x height in pixels"),
    Field("megapixels", "number", "area in millions"),
    Field("ratio", "number", "width / height, also as 3:2"),
    Field("bytes", "number", "file size, also as 200k, 3M, 1G"),
    Field("tags", "number", "how many tags: tags<5"),
    Field("id", "number", "the image's number: id:7, id:1,5,9..12"),
    Field("date", "date", "the file's time: date:2021, date:2021-05..2022, date>=2024-01-31"),
    Field("post", "number", "the number of the booru post"),
    Field("score", "number", "the post's score: score>=50"),
    Field("score(NAME)", "number", "what a model gave: score(aesthetic)>=0.7"),
    Field("loss(RUN)", "number", "its loss in a run, evened out over timesteps: loss(fox)>0.2"),
    Field("fav", "number", "how many like the post: fav>100"),
    Field("posted", "date", "when it was posted: posted:2021..2023"),
    Field("path", "text", "part of the path, or /regex/"),
    Field("name", "text", "part of the file name, or /regex/"),
    Field("caption", "text", "part of the free caption, or /regex/"),
    Field("mark", "word", "your own mark", ("keep", "reject", "none")),
    Field("has", "word", "what an image has", ("caption", "tags")),
    Field("format", "word", "the file's format", ("jpeg", "png", "webp", "bmp", "gif", "avif", "other")),
    Field("bucket", "word", "the size it would be trained at: bucket:832x1216"),
    Field("subset", "word", "the images of a subset"),
    Field("group", "word", "the images with a tag of a group: group:hair"),
    Field("picked", "word", "the images of a saved pick"),
    Field("saved", "word", "the images of a saved filter"),
    Field("sha", "word", "the start of the sha256"),
    Field("limit", "limit", "no more images than this"),
    Field("sort", "sort", "order: sort:-bytes"),
)
FIELDS = {field.name: field for field in _ALL}
UNTAGGED = "untagged"
CLASSES = ("general", "character", "copyright", "artist", "meta", "rating", "quality", "count", "trigger")
CLASS_ALIASES = {"series": "copyright"}  # `date` is the file's time, so tags of that class go by `tag:`
SORTS = (
    "id",
    "name",
    "path",
    "width",
    "height",
    "area",
    "megapixels",
    "ratio",
    "bytes",
    "tags",
    "date",
    "mark",
    "post",
    "rating",
    "score",
    "fav",
    "posted",
)
_SCORE = re.compile(r"score\([\w.-]+\)", re.ASCII)
_LOSS = re.compile(r"loss\([\w.+-]+\)")
UNKNOWABLE = (
    "post",
    "score",
    "fav",
    "posted",
)  # these, scores and losses by name may be known of some images alone


def field_of(key: str) -> Field | None:
    """The field that a key means; a score or a loss goes by the name in its brackets."""
    name = key.lower()
    return Field(name, "number", "its own name says whose") if is_named(name) else FIELDS.get(name)


def is_named(name: str) -> bool:
    """Whether this is `score(NAME)` or `loss(RUN)`: known of some images alone."""
    return is_score(name) or is_loss(name)


def is_loss(name: str) -> bool:
    """Whether this is `loss(RUN)`."""
    return _LOSS.fullmatch(name) is not None


def run_name(field: str) -> str:
    """The RUN of `loss(RUN)`."""
    return field.removeprefix("loss(").removesuffix(")")


def is_score(name: str) -> bool:
    """Whether this is `score(NAME)`."""
    return _SCORE.fullmatch(name) is not None


def score_name(field: str) -> str:
    """The NAME of `score(NAME)`."""
    return field.removeprefix("score(").removesuffix(")")


SIGNS = ("!=", "<=", ">=", "=", "<", ">", ":")
