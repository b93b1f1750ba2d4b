"""The kinds of adapters by name, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.adapters.kinds.boft import BOFT
from train.adapters.kinds.dora import DORA
from train.adapters.kinds.dylora import DYLORA
from train.adapters.kinds.glora import GLORA
from train.adapters.kinds.ia3 import IA3
from train.adapters.kinds.loha import LOHA
from train.adapters.kinds.lokr import LOKR
from train.adapters.kinds.lora import LORA
from train.adapters.kinds.norm import NORM
from train.adapters.kinds.oft import OFT

if TYPE_CHECKING:
    from train.adapters.kinds.kind import Kind

KINDS: dict[str, Kind] = {
    "lora": LORA,
    "locon": LORA,
    "loha": LOHA,
    "lokr": LOKR,
    "dora": DORA,
    "ia3": IA3,
    "glora": GLORA,
    "oft": OFT,
    "boft": BOFT,
    "dylora": DYLORA,
    "norm": NORM,
}
