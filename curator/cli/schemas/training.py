"""Outputs about recipes, sample images and adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.words import Doubt


class PresetRow(TypedDict):
    """A preset."""

    name: str
    about: str


Value = str | int | float | bool | Sequence[str]


class KeyRow(TypedDict):
    """A key of a recipe."""

    key: str
    section: str
    needs: Mapping[str, str]
    type: str
    default: Value
    unit: str
    low: float | None
    high: float | None
    range: str
    choices: Sequence[str]
    help: str


class KeyValue(KeyRow):
    """A key of a recipe with its value, and where that is from."""

    value: Value
    source: str
    active: bool


class KeyChange(TypedDict):
    """A key that differs between two recipes."""

    key: str
    before: Value
    after: Value


class RateFactor(TypedDict):
    """What the learning rates of UNet and text encoder are multiplied with at a step, counted from 0."""

    step: int
    unet: float
    text: float


class RecipeCheck(TypedDict):
    """Whether a recipe can be followed."""

    schema: Literal["frieze/recipe-check/1"]
    recipe: str
    doubts: Sequence[Doubt]


class ImportedSetting(TypedDict):
    """What became of one setting of another trainer."""

    setting: str
    value: str
    outcome: Literal["carried", "translated", "default", "elsewhere", "left out", "unknown"]
    key: str
    becomes: str
    why: str


class RecipeImport(TypedDict):
    """A recipe made of another trainer's settings."""

    schema: Literal["frieze/recipe-import/1"]
    tool: str
    file: str | None
    recipe: Mapping[str, Value]
    settings: Sequence[ImportedSetting]
    hindrance: str


class PlannedSample(TypedDict, total=False):
    """A prompt, with what its line gives and no more."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    scale: float
    steps: int
    sampler: str


class RenderedImage(TypedDict):
    """An image that was made, and how."""

    path: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    scale: float
    steps: int
    sampler: str


class RenderReport(TypedDict):
    """Images made from saved weights."""

    schema: Literal["frieze/sample/1"]
    folder: str
    images: Sequence[RenderedImage]


class AdapterModule(TypedDict):
    """A module of the file that a recipe would write."""

    name: str
    kind: str
    rank: int | None
    alpha: float | None
    shapes: Mapping[str, Sequence[int]]


class PlannedAdapter(TypedDict):
    """The file that a recipe would write, as the trainer tells it."""

    modules: Sequence[AdapterModule]
    parameters: int
    bytes: int


class AdapterPlan(PlannedAdapter):
    """The file that a recipe would write."""

    schema: Literal["frieze/adapter-plan/1"]


class ChainStep(TypedDict):
    """A step of a chain."""

    step_name: str
    about: str
    command: str
    step_status: Literal["done", "to run", "changed", "broken off", "failed"]
    why: str


class ChainReport(TypedDict):
    """The steps of a chain, as they are after it was run or planned."""

    schema: Literal["frieze/chain/1"]
    chain: str
    title: str
    steps_run: int
    chain_steps: Sequence[ChainStep]
