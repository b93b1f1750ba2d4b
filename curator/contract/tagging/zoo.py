"""The zoo: models that look at images, each a row of data; the shipped ones, the user's own, and plain folders."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.json_data import checked
from curator.contract.files.regular_file import TEXT_BYTES, read_regular

Family = Literal["onnx-tagger", "onnx-scorer", "image-classifier", "clip-head", "blip", "endpoint"]
Kind = Literal["tags", "score", "caption"]
Fit = Literal["pad-then-resize", "resize-then-pad", "stretch", "crop"]
Filter = Literal["nearest", "bilinear", "bicubic", "lanczos", "area"]
Activation = Literal["none", "sigmoid", "softmax"]
ENCODER_FOLDER = "encoder"  # of a head: the model whose embedding it reads, beside it
EDGES = -1  # padding that repeats the image's edges
GENERAL_THRESHOLD = 0.35
CHARACTER_THRESHOLD = 0.85
_KINDS: dict[Family, Kind] = {
    "onnx-tagger": "tags",
    "onnx-scorer": "score",
    "image-classifier": "score",
    "clip-head": "score",
    "blip": "caption",
    "endpoint": "caption",
}
_SHIPPED = Path(__file__).with_name("zoo.toml")
_LABELS = "selected_tags.csv"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ModelRow:
    """How a model is fetched and used. All but `family` has a value that suits the WD taggers.

    `thresholds` by class; `balance`: where precision and recall were equal, as the model's card says. `side` in pixels,
    0 for the model's own. `pad`: the grey level around an image, or `EDGES`. `weigh`: of a scorer, how much each label
    counts; else the label `positive` is the score. `encoder`: of a head, the model whose embedding it reads. `url`: of
    an endpoint, which serves `repo`. `revision` of `repo`, the newest where it is empty, and `encoder_revision`;
    `sha256` by file, in hex.
    """

    family: Family
    about: str = ""
    repo: str = ""
    revision: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    weights: str = "model.onnx"
    labels: str = ""
    more_files: tuple[str, ...] = ()
    licence: str = "not stated"
    thresholds: dict[str, float] = field(default_factory=dict)
    balance: float | None = None
    side: int = 0
    fit: Fit = "pad-then-resize"
    pad: int = 255
    filter: Filter = "bicubic"
    channels: Literal["RGB", "BGR"] = "BGR"
    divisor: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    activation: Activation = "none"
    positive: str = ""
    weigh: dict[str, float] = field(default_factory=dict)
    encoder: str = ""
    encoder_revision: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if not EDGES <= self.pad <= 255:
            raise ValueError("'pad' is a grey level from 0 to 255, or -1")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std) or self.divisor <= 0:
            raise ValueError("'mean' and 'std' are three numbers, 'std' and 'divisor' above 0")
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in self.files):
            raise ValueError("a file lies outside of the model's folder")

    @property
    def kind(self) -> Kind:
        """What it gives of an image."""
        return _KINDS[self.family]

    @property
    def is_pinned(self) -> bool:
        """Whether its files can be no others: their hashes are known, or the commit that they are fetched at."""
        own = bool(_COMMIT.fullmatch(self.revision)) or all(name in self.sha256 for name in self.files)
        return own and (not self.encoder or bool(_COMMIT.fullmatch(self.encoder_revision)))

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the model, relative to its folder."""
        if self.family == "endpoint":
            return ()
        return tuple(filter(None, (self.weights, self.labels, *self.more_files)))


@dataclass(frozen=True)
class ZooModel:
    """A model by its name, and the folder where its files are or would be."""

    name: str
    row: ModelRow
    folder: Path

    @property
    def missing(self) -> tuple[str, ...]:
        """The files that are not there."""
        return tuple(name for name in self.row.files if not (self.folder / name).is_file())


def models() -> dict[str, ZooModel]:
    """All models by name: the shipped ones and the user's.

    Raises:
        UserError: the user's file cannot be read, or a row of it is wrong.
    """
    rows = _shipped() | _own()
    return {name: ZooModel(name, row, models_folder() / name) for name, row in rows.items()}


def find_model(name: str) -> ZooModel:
    """The model of the zoo called `name`, or the one in a folder with `model.onnx` and its labels.

    Raises:
        UserError: there is neither.
    """
    folder = Path(name).expanduser()
    if "/" in name or folder.is_dir():
        if not (folder / "model.onnx").is_file():
            raise UserError(
                f"{name} holds no model.onnx",
                f"give a folder with model.onnx and {_LABELS}, or a name of the zoo",
            )
        return ZooModel(folder.absolute().name, ModelRow("onnx-tagger"), folder.absolute())
    known = models()
    if name not in known:
        raise UserError(f"there is no model '{name}'", did_you_mean(name, known))
    return known[name]


def models_folder() -> Path:
    """Where fetched models are kept: FRIEZE_MODELS, or the user's data folder."""
    given = os.environ.get("FRIEZE_MODELS")
    if given:
        return Path(given)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "frieze" / "models"


def own_file() -> Path:
    """The user's own rows."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "frieze" / "models.toml"


@lru_cache(maxsize=1)
def _shipped() -> dict[str, ModelRow]:
    return {name: checked(ModelRow, about) for name, about in tomllib.loads(_SHIPPED.read_text()).items()}


def _own() -> dict[str, ModelRow]:
    file = own_file()
    try:
        tables = tomllib.loads(read_regular(file, limit_bytes=TEXT_BYTES).decode())
        return {name: _row(name, about) for name, about in tables.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UserError(f"{file} cannot be used: {why}", "mend it, or move it away") from error


def _row(name: str, about: object) -> ModelRow:
    if not isinstance(about, dict):
        raise ValueError(f"{name} is no table")
    try:
        return checked(ModelRow, about)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
