"""modelspec 1.0.1 of a base model: what every file says of itself."""

from __future__ import annotations

_ARCHITECTURES = {
    ("sd1", "epsilon"): "stable-diffusion-v1",
    ("sd1", "v_prediction"): "stable-diffusion-v1",
    ("sd2", "epsilon"): "stable-diffusion-v2-512",
    ("sd2", "v_prediction"): "stable-diffusion-v2-768-v",
    ("sdxl", "epsilon"): "stable-diffusion-xl-v1-base",
    ("sdxl", "v_prediction"): "stable-diffusion-xl-v1-base",
}


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
