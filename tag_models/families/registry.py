"""The families of models by name: each is one file, imported when a model of it is loaded."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.contract.tagging.job import TaggingJob
    from curator.contract.tagging.zoo import Family
    from tag_models.model import Model

_FAMILIES: dict[Family, str] = {
    "onnx-tagger": "tag_models.families.onnx_tagger",
    "onnx-scorer": "tag_models.families.onnx_scorer",
    "image-classifier": "tag_models.families.image_classifier",
    "clip-head": "tag_models.families.clip_head",
    "blip": "tag_models.families.blip",
    "endpoint": "tag_models.families.endpoint",
}


def load(job: TaggingJob) -> Model:
    """The model of a job, on its device.

    Raises:
        UserError: a file is missing or something else, a library is not installed, the device is not there.
    """
    family = import_module(_FAMILIES[job.row.family])
    return family.load(job)
