"""Work on model files: asked of the trainer's own programs."""

from __future__ import annotations

from curator.contract.base_model.family import FAMILIES
from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import visible
from curator.runs.launch import check_installed
from curator.runs.trainer_programs import answer_to

CONVENTIONS = ("supermerger", "mecha")


def blocks(family: str, convention: str) -> dict[str, str]:
    """The block of every tensor in a single file of the family's standard model.

    Raises:
        UserError: there is no such family or convention, or training is not installed.
    """
    for what, name, known in (("family", family, FAMILIES), ("convention", convention, CONVENTIONS)):
        if name not in known:
            raise UserError(f"no {what} is called '{visible(name)}'", did_you_mean(name, known))
    check_installed()
    return answer_to(("-m", "train.programs.model_blocks", family, convention), "", "the table of blocks")
