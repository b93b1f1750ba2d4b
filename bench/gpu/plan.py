"""The measurements of a GPU, the most telling first: whoever runs out of time loses the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

# Products of one image, in 10^12 FLOPs, counted by torch.utils.flop_counter: the whole model trained, or an adapter of
# a frozen one; of the VAE, encoding.
IDEAL_TFLOP = {
    ("sd1", "full"): 2.41,
    ("sd1", "lora"): 1.73,
    ("sd2", "full"): 2.41,
    ("sdxl", "full"): 20.2,
    ("sdxl", "lora"): 14.2,
    ("sdxl", "lokr"): 14.2,
    ("sdxl", "vae"): 4.88,
}
SIDES = {"sd1": 512, "sd2": 512, "sdxl": 1024}


@dataclass(frozen=True)
class Case:
    """One measurement, in a process of its own. `trains` is full, lora, lokr, or vae for encoding alone."""

    family: str
    trains: str
    batch: int
    who: str = "frieze"  # or "plain": the loop of diffusers' examples
    compile: str = "off"
    checkpointing: bool = False
    channels_last: bool = False
    vae: str = "bf16"
    limit_s: float = 40.0

    @property
    def beside(self) -> Case:
        """The plain loop it stands beside."""
        return replace(self, who="plain")


def plan() -> Iterator[Case]:
    """All cases, each beside the plain loop of the same model and batch where there is one."""
    pairs = (
        Case("sdxl", "lora", 4),
        Case("sdxl", "full", 4),
        Case("sd1", "full", 16),
        Case("sdxl", "lokr", 4),
        Case("sd2", "full", 16),
        Case("sdxl", "lora", 1),
    )
    for case in pairs[:3]:
        yield from (case, case.beside)
    yield Case("sdxl", "vae", 4)
    yield Case("sdxl", "vae", 4, who="plain", vae="fp32")
    yield Case("sdxl", "lora", 4, channels_last=True)
    yield Case("sdxl", "lora", 4, compile="regional", channels_last=True, limit_s=90.0)
    yield Case("sd1", "full", 16, compile="whole", channels_last=True, limit_s=120.0)
    for case in pairs[3:]:
        yield from (case, case.beside)
    yield Case("sdxl", "lora", 16, checkpointing=True)
    yield Case("sdxl", "full", 8, checkpointing=True)
    yield Case("sdxl", "lora", 8)
    yield Case("sd1", "lora", 16)


def smoke() -> Iterator[Case]:
    """One of each kind, on tiny models."""
    for trains in ("full", "lora", "lokr"):
        case = Case("sdxl" if trains == "lora" else "sd1", trains, 2)
        yield from (case, case.beside)
    yield Case("sdxl", "vae", 2)
    yield Case("sd1", "full", 1, checkpointing=True, channels_last=True)
