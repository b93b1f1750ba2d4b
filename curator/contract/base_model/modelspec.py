"""modelspec 1.0.1 of a base model: what every file says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from curator.contract.errors import UserError, did_you_mean

_ARCHITECTURES = {
    ("sd1", "epsilon"): "stable-diffusion-v1",
    ("sd1", "v_prediction"): "stable-diffusion-v1",
    ("sd2", "epsilon"): "stable-diffusion-v2-512",
    ("sd2", "v_prediction"): "stable-diffusion-v2-768-v",
    ("sdxl", "epsilon"): "stable-diffusion-xl-v1-base",
    ("sdxl", "v_prediction"): "stable-diffusion-xl-v1-base",
}


_KOHYA = {
    ("sd1", "epsilon"): "sd_v1",
    ("sd1", "v_prediction"): "sd_v1_v",
    ("sd2", "epsilon"): "sd_v2",
    ("sd2", "v_prediction"): "sd_v2_v",
    ("sdxl", "epsilon"): "sdxl_base_v1-0",
    ("sdxl", "v_prediction"): "sdxl_base_v1-0",
}


def kohya_version(family: str, prediction: str) -> str:
    """The family's name in kohya's metadata, `ss_base_model_version`."""
    return _KOHYA[family, prediction]


def adapter_implementation(family: str) -> str:
    """Whose modules the names in an adapter file follow: SDXL's are the original's, the others diffusers'."""
    return "sgm" if family == "sdxl" else "diffusers"


def architecture_of(family: str, prediction: str) -> str:
    """The family's name there."""
    return _ARCHITECTURES[family, prediction]


def single_file_spec(family: str, prediction: str) -> dict[str, str]:
    """What a single file in the original layout says, whatever else its metadata hold."""
    is_sgm = family == "sdxl"
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture_of(family, prediction),
        "modelspec.implementation": "sgm" if is_sgm else "https://github.com/CompVis/stable-diffusion",
        "modelspec.prediction_type": "v" if prediction == "v_prediction" else "epsilon",
        "format": "pt",
    }


_TOLD = (
    "title", "author", "description", "license", "date", "tags", "trigger_phrase", "usage_hint", "merged_from",
)  # fmt: skip


def told_in(texts: Iterable[str]) -> dict[str, str]:
    """What a file shall say of itself, of `NAME=TEXT`s; what follows from its tensors is never given so.

    Raises:
        UserError: no such name, no text, or a date that is none.
    """
    said: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().removeprefix("modelspec.")
        if not equals or not value.strip() or name not in _TOLD:
            raise UserError(
                f"a file cannot be told '{text}'",
                did_you_mean(name, _TOLD) if name not in _TOLD else f"write {name}=TEXT",
            )
        said[f"modelspec.{name}"] = value.strip()
    try:
        datetime.fromisoformat(said.get("modelspec.date", "2000-01-01"))
    except ValueError as error:
        raise UserError(f"{said['modelspec.date']} is no date", "write date=2023-07-29") from error
    return said
