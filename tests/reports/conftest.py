"""A collection with hostile names, its manifest, and a run of it as a trainer leaves one."""

from __future__ import annotations

import math
import random
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from curator.contract.recipe.toml_file import dump_recipe, load_recipe
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.image_losses import RECORD, losses_file
from curator.contract.run.run_folder import RunFolder
from curator.index.tables.rows import Subset
from curator.session.session import Session

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"\"'><img src=x onerror=alert(1)>&amp; \x1b[31m\u202egnp {SCRIPT}"
STEPS, EPOCH = 240, 60


@dataclass(frozen=True)
class Home:
    """A collection, its manifest, and a run."""

    folder: Path
    manifest: Path
    run: RunFolder


def picture(path: Path, number: int, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (40 + 20 * (number % 9), 90, 200 - 15 * (number % 9)))
    draw = ImageDraw.Draw(image)
    draw.ellipse(
        (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4), fill=(240, 200, 20 * (number % 12))
    )
    image.save(path)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def make_home(folder: Path) -> Home:
    pictures = folder / "pictures"
    pictures.mkdir()
    sizes = ((320, 480), (480, 320), (400, 400), (256, 640))
    for number in range(24):
        name = f"{number:02d} {'<b>bold</b>' if number == 3 else 'fox' if number % 2 else 'wolf'}"
        picture(pictures / f"{name}.png".replace("/", "_"), number, sizes[number % 4])
        tags = ["fox" if number % 2 else "wolf", "animal", f"tag {number % 5}"] + (
            [HOSTILE.replace(",", "")] if number == 3 else []
        )
        (pictures / f"{name}.txt".replace("/", "_")).write_text(", ".join(tags), "utf-8")
    with Session.create(folder) as session:
        session.images.scan(pictures)
        session.subsets.add(Subset("foxes <i>", "fox", repeats=3.0))
        session.subsets.add(Subset("rest", "-fox"))
        frozen = session.freezing.write("set")
    return Home(folder, frozen.path, make_run(folder, frozen.path, frozen.digest))


def make_run(folder: Path, manifest: Path, digest: str) -> RunFolder:
    recipe = load_recipe(
        "sd15-lora", ["optimizer.unet_lr=0.0002", 'model.path="/home/somebody/secret/model.safetensors"']
    )
    run = RunFolder.create(folder / "runs", "fox", dump_recipe(recipe), manifest, digest)
    noise = random.Random(1)
    with closing(EventLog(run.events_path)) as log:
        log.write(ev.RunStarted(1000.0, 0, STEPS, STEPS // EPOCH, False, 1, "cuda:0 <GPU>", 1))
        for step in range(1, STEPS + 1):
            loss = math.nan if step == 50 else 0.1 + 0.2 * math.exp(-step / 90) + 0.05 * noise.random()
            lr = {"unet": 2e-4 * min(step / 20, 1), "text": 5e-5 * (1 - step / STEPS)}
            log.write(
                ev.StepDone(
                    1000.0 + step,
                    step,
                    (step - 1) // EPOCH + 1,
                    loss,
                    lr,
                    0.5 + noise.random(),
                    4,
                    0.8 + 0.1 * noise.random(),
                    9 << 30,
                )
            )
            if step % EPOCH == 0:
                sampled(run, log, step)
        log.write(ev.Warned(1300.0, f"odd {HOSTILE}", "look at it"))
        log.write(ev.ImageQuarantined(1300.0, "pictures/broken <b>.png", "not an image"))
        log.write(ev.CheckpointSaved(1300.0, STEPS, "output/fox.safetensors", "ab" * 32))
        log.write(ev.RunEnded(1301.0, "finished", STEPS))
    (run.output_dir / "fox.safetensors").write_bytes(b"weights")
    losses = run.path / "losses"
    losses.mkdir()
    records = (RECORD.pack(step, row, 0.05 * (row + 1), 500, 0) for step in (1, 200) for row in range(24))
    losses_file(losses, 0).write_bytes(b"".join(records))
    run.finish("finished", STEPS)
    return run


def sampled(run: RunFolder, log: EventLog, step: int) -> None:
    bands = (0.05, 0.1, 0.2, 0.3)
    held = 0.3 - step / 3000 + (0.05 if step == STEPS else 0)
    log.write(ev.Evaluated(1000.0 + step, step, 0.28 - step / 2500, 16, False, bands))
    subsets = {"foxes <i>": held - 0.02, "rest": held + 0.03}
    log.write(ev.Evaluated(1000.0 + step, step, held, 8, True, bands, subsets))
    for number, prompt in enumerate(
        ("a fox", f"a wolf {HOSTILE}", "an owl in the snow, best quality, at night")
    ):
        path = run.samples_dir / f"step-{step:06d}-{number}.png"
        picture(path, step // EPOCH * 3 + number, (256, 256))
        log.write(ev.SampleMade(1000.0 + step, step, f"samples/{path.name}", prompt, 7))
