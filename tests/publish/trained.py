"""A run that trained nothing: its folder, events, weights, samples and state, as the trainer leaves them."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, PngImagePlugin

from curator.contract import locations
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.toml_file import dump_recipe, load_recipe
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.origin import origin_metadata, origin_of_run
from curator.contract.run.run_folder import RunFolder
from curator.publish.state import LISTING, REMOTE
from tests.writable_hub import Repository

SETS = (
    "metadata.author=me",
    "metadata.license=CreativeML Open RAIL++-M",
    "metadata.description=What it <is>",
    "model.path=/home/somebody/models/base.safetensors",
    "sample.prompts=['a fox']",
)
BODY = bytes(range(256)) * 8


def write_weights(path: Path, metadata: Mapping[str, str], body: bytes = BODY) -> Path:
    """A safetensors file of one LoRA module of rank 4."""
    half = len(body) // 2
    tensors = {
        "lora_unet_a.lora_down.weight": {"dtype": "F16", "shape": [4, half // 8], "data_offsets": [0, half]},
        "lora_unet_a.lora_up.weight": {
            "dtype": "F16",
            "shape": [half // 8, 4],
            "data_offsets": [half, len(body)],
        },
    }
    header = json.dumps({"__metadata__": dict(metadata), **tensors}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)
    return path


def make_run(runs: Path, manifest: Path, *sets: str, name: str = "foxes", finished: bool = True) -> RunFolder:
    """A run of two steps with one checkpoint before the last weights."""
    recipe = load_recipe("tiny-demo", [*SETS, *sets])
    with open_manifest(manifest) as opened:
        run = RunFolder.create(runs, name, dump_recipe(recipe), manifest, opened.digest)
        images = [3, 1]
        metadata = {
            "modelspec.sai_model_spec": "1.0.1",
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.implementation": "diffusers",
            "modelspec.title": name,
            "modelspec.author": "me",
            "modelspec.license": "CreativeML Open RAIL++-M",
            "modelspec.description": "What it <is>",
            "ss_sd_model_name": "base.safetensors",
            "ss_new_sd_model_hash": "b" * 64,
            "ss_clip_skip": "2",
            "ss_tag_frequency": json.dumps({"all": {"fox": 3}}),
            **origin_metadata(origin_of_run(run.info(), opened.header, images), recipe),
        }
    first = write_weights(run.output_dir / f"{name}-step00000001.safetensors", metadata | {"ss_steps": "1"})
    last = write_weights(run.output_dir / f"{name}.safetensors", metadata | {"ss_steps": "2"})
    with run.hold():
        log, now = EventLog(run.events_path), time.time()
        log.write(ev.RunStarted(now, 0, 2, 1, resumed=False, pid=1, device="cuda:0", processes=1))
        for step, file in ((1, first), (2, last)):
            log.write(ev.StepDone(now, step, 1, 0.5 / step, {"unet": 1e-4}, 1.0, 2, 1.5, 1000))
            log.write(ev.Evaluated(now, step, 0.25 / step, 4, held_out=True))
            log.write(ev.CheckpointSaved(now, step, f"output/{file.name}", "a" * 64))
            path = f"samples/step-{step:08d}-00.png"
            _write_sample(run.path / path, step)
            log.write(ev.SampleMade(now, step, path, "a fox | in <snow>", 7))
        _write_state(run.state_dir / "step-00000002")
        log.write(ev.StateSaved(now, 2, "state/step-00000002"))
        if finished:
            log.write(ev.RunEnded(now, "finished", 2))
            run.finish("finished", 2)
    leave(run)
    return run


def leave(run: RunFolder) -> None:
    """The worker is this process, which lives on: say it was another that is gone."""
    file = run.path / locations.WORKER
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pid": 2**22 + 1}))


def _write_sample(path: Path, step: int) -> None:
    about = PngImagePlugin.PngInfo()
    about.add_itxt(
        "parameters", "a fox | in <snow>\nNegative prompt: blurry\nSteps: 20, Sampler: euler_a, Seed: 7"
    )
    Image.new("RGB", (400, 300), (80 * step, 0, 0)).save(path, pnginfo=about)


def _write_state(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"step": 2}')
    (folder / "adapter.safetensors").write_bytes(BODY)
    (folder / "optimizer.pt").write_bytes(b"optimizer" * 300)


def repository_with_state() -> Repository:
    """One that holds the state of a run whose manifest nobody has."""
    run = {"name": "foxes", "manifest": "/gone/set.manifest", "manifest_digest": "d" * 64, "created_at": ""}
    content = {
        "step-00000002/adapter.safetensors": BODY,
        locations.RUN_INFO: json.dumps(run).encode(),
        locations.RECIPE: dump_recipe(load_recipe("tiny-demo")).encode(),
    }
    files = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in content.items()
    ]
    listing = {
        "run": "foxes",
        "step": 2,
        "manifest": "set.manifest",
        "manifest_digest": "d" * 64,
        "files": files,
    }
    whole = {**content, LISTING: json.dumps(listing).encode()}
    return Repository(True, {"main": {f"{REMOTE}/{name}": data for name, data in whole.items()}})
