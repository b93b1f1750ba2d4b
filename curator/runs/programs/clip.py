"""How well images fit their prompts by a CLIP model of this disk, asked of the trainer's own program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.json_data import to_json
from curator.runs.launch import check_installed
from curator.runs.programs.trainer_programs import answer_to


def similarities(pairs: Sequence[tuple[str, str]], folder: Path) -> list[float | None]:
    """The cosine of each image with its prompt, -1 to 1; None for an image that cannot be read.

    Raises:
        UserError: training is not installed, or the folder holds no CLIP model.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", "give the folder of a CLIP model")
    check_installed()
    program = ("-m", "train.programs.clip_similarity", str(folder.absolute()))
    return answer_to(program, to_json(list(pairs)), "the comparison by CLIP")
