"""Two chains at the true size of SDXL with random weights: memory, images a second, and whether a resume is exact.

bench/gpu/chains.sh [FILE] [--smoke]

The recipes are those of `docs/chains`, with one device batch a step in place of sixteen on two devices, and latents in
memory. Each is trained by `frieze train` on generated images, then steps are trained again from the state saved half
way, by `frieze runs verify-resume`. A smoke test takes a tiny SDXL, and says nothing of speed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench.gpu.models import random_family
from train import quiet
from train.models.save import write_folder

_ROOT = Path(__file__).parents[2]
_FRIEZE = (sys.executable, "-m", "curator")
_FIRST = 10  # steps that are not counted: kernels are chosen, the memory is laid out


@dataclass(frozen=True)
class Size:
    """How much is trained: image sizes in pixels, how many of each, and steps."""

    sides: Sequence[tuple[int, int]]
    images: int
    steps: int
    buckets: tuple[str, ...]


_TRUE = Size(((1024, 1024), (832, 1216), (1216, 832)), 8, 50, ("--resolution", "1024", "--max", "4096"))
_SMOKE = Size(((64, 64), (64, 96)), 4, 4, ("--resolution", "64", "--min", "32", "--max", "128"))
_CHAINS = {
    "kohaku-xl-delta": (
        "kohaku-xl-delta/recipe.toml",
        ("schedule.warmup_steps=2", "batch.accumulate=1", "sample.at_end=false"),
    ),
    "swim-in-latent": ("swim-in-latent/full.toml", ()),
}


def main() -> int:
    """Measure; 0 where both were trained and resumed exactly."""
    asked = _parser().parse_args()
    quiet.before_imports()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    size = _SMOKE if asked.smoke else _TRUE
    found: dict[str, Any] = {"smoke": asked.smoke, "device": _device(), "chains": []}
    with tempfile.TemporaryDirectory(prefix="frieze-chains-", dir=asked.folder) as folder:
        home = Path(folder)
        _prepare(home, size, tiny=asked.smoke)
        for name in asked.only or _CHAINS:
            told = {"chain": name, **_measured(home, name, asked.steps or size.steps)}
            found["chains"].append(told)
            asked.file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
            print(_line(told), flush=True)
    return int(any("failed" in told or not told["resume_is_exact"] for told in found["chains"]))


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _prepare(home: Path, size: Size, *, tiny: bool) -> None:
    """A base model of random weights, and a manifest of generated images."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    write_folder(home / "base", random_family("sdxl", device, tiny=tiny), {}, "fp16")
    if device.type == "cuda":
        torch.cuda.empty_cache()
    (home / "images").mkdir()
    for number in range(size.images * len(size.sides)):
        width, height = size.sides[number % len(size.sides)]
        dots = np.random.default_rng(number).integers(0, 255, (height // 16, width // 16, 3), np.uint8)
        place = home / "images" / f"{number}.png"
        Image.fromarray(dots).resize((width, height), Image.Resampling.NEAREST).save(place)
        place.with_suffix(".txt").write_text(
            "1girl, solo, red hair, smile, outdoors, looking at viewer", "utf-8"
        )
    _frieze(home, "scan", "images", "--collection", ".")
    _frieze(home, "subset", "put", "all", "", "--shuffle", "--caption-dropout", "0.1")
    _frieze(home, "freeze", "all", *size.buckets)


def _measured(home: Path, name: str, steps: int) -> dict[str, Any]:
    """The figures of one chain's training, or why it has none."""
    recipe, changes = _CHAINS[name]
    half = steps // 2
    sets = (
        "length.epochs=0", f"length.steps={steps}", f"save.state_every_steps={half}", "save.every_steps=0",
        "save.every_epochs=0", "save.keep_last=0", "cache.latents=memory", *changes,
    )  # fmt: skip
    words = [word for each in sets for word in ("--set", each)]
    began = time.perf_counter()
    try:
        _frieze(
            home, "train", "all", "--name", name, "--model", "base",
            "--recipe", str(_ROOT / "docs" / "chains" / recipe), *words,
        )  # fmt: skip
        took = time.perf_counter() - began
        shown = _json(home, "runs", "verify-resume", name, "--from", str(half), "--steps", str(min(5, half)))
    except RuntimeError as error:
        return {"failed": str(error)}
    run = next((home / "runs").glob(f"*-{name}"))
    return {**_figures(run), "seconds_in_all": took, "resume_is_exact": shown["equal"]}


def _figures(run: Path) -> dict[str, Any]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
    done = [event for event in events if event["kind"] == "step_done"]
    counted = done[_FIRST:] or done[-1:]
    seconds = sum(event["seconds"] for event in counted)
    return {
        "steps": len(done),
        "images_per_second": sum(event["images"] for event in counted) / seconds,
        "peak_bytes": max(event["memory_bytes"] for event in done),
        "weights_bytes": sum(file.stat().st_size for file in (run / "output").rglob("*.safetensors")),
    }


def _json(home: Path, *words: str) -> dict[str, Any]:
    return json.loads(_frieze(home, *words, "--json", codes=(0, 1)))


def _frieze(home: Path, *words: str, codes: Sequence[int] = (0,)) -> str:
    done = subprocess.run([*_FRIEZE, *words], cwd=home, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-2:]
        raise RuntimeError(f"frieze {words[0]}: {' / '.join(last)} (code {done.returncode})")
    return done.stdout


def _line(told: dict[str, Any]) -> str:
    if "failed" in told:
        return f"{told['chain']:18} {told['failed']}"
    exact = "exact" if told["resume_is_exact"] else "NOT exact"
    return (
        f"{told['chain']:18} {told['images_per_second']:.2f} images/s, {told['peak_bytes'] / 2**30:.1f} GiB, "
        f"resume {exact}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/gpu/chains.sh", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("gpu-chains.json"))
    parser.add_argument("--smoke", action="store_true", help="a tiny SDXL, also on a CPU")
    parser.add_argument("--only", action="append", choices=tuple(_CHAINS), help="this chain alone")
    parser.add_argument("--steps", type=int, help="of each; default: 50, 4 with --smoke")
    parser.add_argument("--folder", type=Path, help="where its files go, some 40 GB at true size")
    return parser


if __name__ == "__main__":
    sys.exit(main())
