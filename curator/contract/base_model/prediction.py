"""What a base model predicts: as its file, its metadata and the recipe say, never guessed in silence.

Single files say v-prediction by a tensor named `v_pred`, and a noise schedule of zero terminal SNR by `ztsnr`; or by
`modelspec.prediction_type` in their metadata. Folders say both in the scheduler's configuration.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning

Prediction = Literal["epsilon", "v_prediction"]
V_MARK, ZERO_SNR_MARK = "v_pred", "ztsnr"
METADATA_KEY = "modelspec.prediction_type"
ARCHITECTURE_KEY = "modelspec.architecture"
_WORDS = {"v": "v_prediction", "v-prediction": "v_prediction", "v_pred": "v_prediction", "eps": "epsilon"}
_OF_ARCHITECTURE = {"stable-diffusion-v2-768-v": "v_prediction", "stable-diffusion-v2-512": "epsilon"}
_KNOWN = ("epsilon", "v_prediction")


@dataclass(frozen=True)
class Said:
    """What a model says it predicts, and `where`; a second, other `prediction` of the same file is `against`."""

    prediction: str | None
    zero_terminal_snr: bool = False
    where: str = ""
    against: str | None = None


class Chosen(NamedTuple):
    """What is trained, and what a user should hear of the choice."""

    prediction: Prediction
    zero_terminal_snr: bool
    warnings: tuple[TrainingWarning, ...] = ()


def said_by_file(names: Container[str], metadata: Mapping[str, str]) -> Said:
    """What marks and metadata of a single file say."""
    has_zero_snr = ZERO_SNR_MARK in names
    word = metadata.get(METADATA_KEY, "").strip().lower()
    written = _WORDS.get(word, word) or _OF_ARCHITECTURE.get(metadata.get(ARCHITECTURE_KEY, ""))
    if V_MARK in names:
        against = written if written not in (None, "v_prediction") else None
        return Said("v_prediction", has_zero_snr, f"its tensor {V_MARK}", against)
    return Said(written or None, has_zero_snr, "its metadata" if written else "")


def said_by_scheduler(config: Mapping[str, Any]) -> Said:
    """What the scheduler of a diffusers folder says; without a word it is epsilon, as diffusers has it."""
    prediction = str(config.get("prediction_type") or "epsilon")
    return Said(prediction, bool(config.get("rescale_betas_zero_snr")), "its scheduler")


def choose(said: Said, model: str, family: str, prediction: str, zero_terminal_snr: str) -> Chosen:
    """What is trained: the recipe's word (`prediction`, `zero_terminal_snr`) where it gives one, else the model's.

    Raises:
        UserError: neither says, the model contradicts itself, or the two settings do not go together.
    """
    found = _asked(said, model, family) if prediction == "auto" else prediction
    warnings: list[TrainingWarning] = []
    if said.prediction not in (None, found):
        warnings.append(
            TrainingWarning(
                f"{model} says that it predicts {said.prediction} ({said.where}), and the recipe says {found}",
                "the recipe is followed; leave model.prediction out to follow the model",
            )
        )
    zero = said.zero_terminal_snr if zero_terminal_snr == "auto" else zero_terminal_snr == "on"
    if zero and found == "epsilon":
        if zero_terminal_snr == "on":
            raise UserError(
                "zero terminal SNR needs a model of v-prediction, and this one predicts epsilon",
                "leave model.zero_terminal_snr out, or set model.prediction = 'v_prediction' where that is true",
            )
        zero = False
        warnings.append(
            TrainingWarning(
                f"{model} is marked for zero terminal SNR and trained as epsilon, which cannot learn from pure noise",
                "the mark is passed over; set model.prediction = 'v_prediction' where that is what the model predicts",
            )
        )
    return Chosen(cast("Prediction", found), zero, tuple(warnings))


def _asked(said: Said, model: str, family: str) -> str:
    choice = "set model.prediction = 'epsilon' or 'v_prediction'"
    if said.against is not None:
        raise UserError(
            f"{model} contradicts itself: {said.where} says {said.prediction}, its metadata {said.against}",
            choice,
        )
    if said.prediction is None and family == "sd2":
        raise UserError(
            f"{model} does not say what it predicts: SD2 comes as epsilon (base, 512 pixels) and v (768 pixels)",
            choice,
        )
    found = said.prediction or "epsilon"
    if found not in _KNOWN:
        raise UserError(f"the model predicts '{found}'", "epsilon and v_prediction can be trained")
    return found
