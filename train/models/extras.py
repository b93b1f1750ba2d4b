"""Tensors of a model file that are no weights of the model: ordinary ones are passed over, others told."""

from __future__ import annotations

import re
from collections.abc import Iterable

from curator.contract.base_model.prediction import V_MARK, ZERO_SNR_MARK
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible

_ORDINARY = re.compile(
    r"""
    model_ema\..* | loss\..* | optimizer.*                       # training: moving averages, discriminators
    | betas | (sqrt_)?(recip_)?(one_minus_)?alphas_cumprod(_prev)? | sqrt_.* | log_one_minus_.*   # schedules
    | posterior_.* | lvlb_weights | denoiser\.sigmas | logvar | scale_factor
    | .*\bposition_ids | .*\blogit_scale | .*\battn_mask         # buffers of text encoders
    | .*\.transformer\.text_projection(\.weight)?                # of a CLIP-L whose pooled text nobody reads
    | (.*\.)?(scaled_fp8|comfy_quant|scale_input|input_scale|scale_weight|weight_scale)   # float8
    | global_step | safety_checker\..*
    """,
    re.VERBOSE,
)
_MARKS = {V_MARK, ZERO_SNR_MARK}
_SHOWN = 3
_AVERAGE = "model_ema."


def is_extra(name: str) -> bool:
    """Whether a tensor of this name is known to be no weight."""
    return name in _MARKS or bool(_ORDINARY.fullmatch(name))


def is_moving_average(name: str) -> bool:
    """Whether it belongs to the moving averages that early trainers kept beside the weights."""
    return name.startswith(_AVERAGE)


def extra_tensor_warnings(names: Iterable[str], shown: str) -> list[TrainingWarning]:
    """A warning of the names that are not ordinary, of all those that were not read."""
    odd = sorted(name for name in names if not is_extra(name))
    if not odd:
        return []
    listed = ", ".join(f"'{visible(name)}'" for name in odd[:_SHOWN])
    more = f" and {len(odd) - _SHOWN:,} more" if len(odd) > _SHOWN else ""
    are = counted(len(odd), "tensor that is", "tensors that are")
    return [
        TrainingWarning(
            f"{shown} holds {are} no part of the model: {listed}{more}",
            f"{'it is' if len(odd) == 1 else 'they are'} passed over and not saved",
        )
    ]
