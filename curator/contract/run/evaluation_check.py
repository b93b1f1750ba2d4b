"""Evaluation that a manifest gives nothing for: refused, since its knobs would have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Evaluate


def check_evaluation(manifest: Manifest, knobs: Evaluate) -> None:
    """Refuse to measure every so often where there is nothing to measure.

    Raises:
        UserError: no trained image is asked for, and none is held out.
    """
    every = "every_steps" if knobs.every_steps else "every_epochs" if knobs.every_epochs else ""
    if every and not knobs.images and not manifest.held_out:
        raise UserError(
            f"evaluate.{every} would have no effect: the manifest holds no image out, and evaluate.images is 0",
            "give a subset a validation share and freeze again, set evaluate.images, or leave it out",
        )
