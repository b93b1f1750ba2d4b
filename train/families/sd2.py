"""Stable Diffusion 2.x: OpenCLIP-H, read one layer before its last; predicts noise at 512 pixels or v at 768."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from curator.contract.base_model.modelspec import architecture_of, kohya_version
from train.families.sd1 import Sd1

if TYPE_CHECKING:
    from train.families.family import BaseFacts


class Sd2(Sd1):
    """As SD1 with another text encoder: diffusers keeps 23 of its 24 layers, so its last is the penultimate."""

    @property
    def facts(self) -> BaseFacts:
        is_v = self.prediction == "v_prediction"
        return replace(
            super().facts,
            architecture=architecture_of("sd2", self.prediction),
            kohya_version=kohya_version("sd2", self.prediction),
            encoder_layer=self.clip_skip + 1,
            is_v2=True,
            native_side=768 if is_v else 512,
        )
