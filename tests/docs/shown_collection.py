"""The collection that the pictures of the app show: photographs, subsets, a manifest, proposals and a run at work."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import chdir, contextmanager
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from curator.cli.demo.collection import RULE, SUBSETS, lay_out
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, with_values
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.index.changes.edits import AddTags, RenameTag, SetMark
from curator.index.tables.rows import SavedFilter
from curator.session.session import Session
from curator.session.training.grids import compare_grid
from tests.caches import write_cache
from tests.grids import write_grid
from tests.inside import inside
from tests.tui.answered_job import answered_job

ROOT = Path(__file__).parents[2]
LABELS = [
    ("safe", "rating", 0.98),
    ("no humans", "general", 0.91),
    ("close-up", "general", 0.72),
    ("texture", "general", 0.55),
    ("outdoors", "general", 0.31),
]
CLASSES = {  # each tag with the images that have it
    "character": {"chelsea": "cat", "eileen collins": "astronaut"},
    "copyright": {"nasa": "astronaut OR rocket OR space"},
    "artist": {"hubble": "space"},
    "meta": {"photograph": "-page", "monochrome": "monochrome", "blurry": "blurry"},
}
PROMPTS = ("a cat, close-up", "a rocket, outdoors, sky")


@contextmanager
def shown_collection(folder: Path) -> Generator[Session]:
    """Opens it with its run held, so that the app shows it as running; `folder` is the one that one stands in."""
    with chdir(folder):
        yield from _shown_collection(folder)


def _shown_collection(folder: Path) -> Iterator[Session]:
    lay_out(folder / "photos")
    shutil.copy(folder / "photos/coffee.png", folder / "photos/coffee (1).png")
    with Session.create(folder / "set") as session:
        session.images.scan(folder / "photos")
        inside(session).settings.put("bucket_rule", asdict(RULE))
        for subset in SUBSETS:
            session.subsets.save(subset)
        _edit(session)
        session.freezing.write("photos-v1")
        write_cache(session.folder, session.manifests.folder / "photos-v1.manifest")
        session.memory.keep("manifest", "photos-v1")
        shutil.copytree(ROOT / "train/families/sd1_config", folder / "models/sd15")
        session.memory.keep("recipe", {"length.epochs": 12, "batch.size": 4, "model.path": "models/sd15"})
        _grid(session, folder)
        answered_job(session, "wd-swinv2-v3", LABELS, bad="rocket.jpg")
        with _running(session):
            yield session


def _edit(session: Session) -> None:
    def ids(text: str) -> list[int]:
        return session.images.select(text).ids.tolist()

    for cls, words in CLASSES.items():
        for tag, images in words.items():
            session.edits.apply(AddTags((tag,)), ids(images))
        session.tags.set_class(list(words), cls)
    session.edits.apply(RenameTag("close-up", "close up"), ids(""))
    session.edits.apply(SetMark(1), ids("cat OR astronaut"))
    session.edits.apply(SetMark(-1), ids("page"))
    session.filters.save(SavedFilter("outside", "outdoors -monochrome"))


def _grid(session: Session, folder: Path) -> None:
    """Ratios of what a run trained, for two prompts, some of them judged."""
    ratios = ("ratio 0.4", "ratio 0.6", "ratio 0.8", "ratio 1")
    photos = [folder / "photos" / name for name in ("chelsea.png", "rocket.jpg")]
    axes = (("ratio", ratios), ("prompt", PROMPTS))
    adapter = "set/runs/photos-lr1e-4/output/photos-lr1e-4.safetensors"
    write_grid(folder / "ratios", axes, pictures=photos, adapter=adapter, model="models/sd15")
    comparison = compare_grid(folder / "ratios")
    for verdict in ("left", "right", "right", "tie", "left"):
        comparison.choose(verdict)
    session.memory.keep("grids", ["ratios"])


@contextmanager
def _running(session: Session) -> Generator[None]:
    manifest = session.folder / "manifests" / "photos-v1.manifest"
    runs = session.runs.folder
    before = RunFolder.create(runs, "photos-lr1e-4", _recipe(12, 1e-4), manifest, "0" * 64)
    with before.hold():
        _train(before, 240, 240, 1e-4)
        EventLog(before.events_path).write(ev.RunEnded(time.time(), "finished", 240))
        before.finish("finished", 240)
    before.output_dir.mkdir(exist_ok=True)
    for name in ("photos-lr1e-4-000120.safetensors", "photos-lr1e-4.safetensors"):
        _write_lora(before.output_dir / name)
    run = RunFolder.create(runs, "photos-lr2e-4", _recipe(12, 2e-4), manifest, "0" * 64)
    with run.hold():
        _train(run, 160, 240, 2e-4)
        yield


def _write_lora(path: Path) -> None:
    """An adapter of four modules, of zeros, that says of itself what one trained here says."""
    module = "lora_unet_down_blocks_{}_attentions_0_transformer_blocks_0_attn1_to_q"
    header: dict[str, object] = {
        "__metadata__": {
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.title": path.stem,
            "modelspec.trigger_phrase": "rocketphoto",
            "ss_base_model_version": "sd_v1",
            "ss_network_dim": "16",
            "ss_network_alpha": "8",
            "ss_learning_rate": "0.0001",
            "ss_num_epochs": "12",
        }
    }
    end = 0
    for at in range(4):
        for part, shape in (("lora_down", (16, 320)), ("lora_up", (320, 16))):
            begin, end = end, end + 2 * math.prod(shape)
            name = f"{module.format(at)}.{part}.weight"
            header[name] = {"dtype": "F16", "shape": shape, "data_offsets": (begin, end)}
    about = json.dumps(header).encode()
    path.write_bytes(len(about).to_bytes(8, "little") + about + bytes(end))


def _recipe(epochs: int, rate: float) -> str:
    return dump_recipe(with_values(Recipe(), {"length.epochs": epochs, "optimizer.unet_lr": rate}))


def _train(run: RunFolder, until: int, total: int, rate: float) -> None:
    """Steps of a run as a trainer tells them, with samples of two prompts at every eightieth."""
    log, begun = EventLog(run.events_path), time.time() - until
    log.write(ev.RunStarted(begun, 0, total, 12, False, 1, "cuda:0 NVIDIA GeForce RTX 4090", 1))
    for step in range(1, until + 1):
        loss = (
            0.11 + 0.09 * math.exp(-step * rate / 0.012) + 0.02 * math.sin(step * 1.7) * math.cos(step * 0.61)
        )
        rates = {"unet": rate * min(1.0, step / 20)}
        log.write(ev.StepDone(begun + step, step, step // 20, loss, rates, 0.4 + loss, 4, 0.98, 9 << 30))
        if step % 80 == 0:
            for number, prompt in enumerate(PROMPTS):
                path = run.path / "samples" / f"{step:06d}-{number}.png"
                path.parent.mkdir(exist_ok=True)
                side = run.path.parents[1].parent / "photos" / ("chelsea.png", "rocket.jpg")[number]
                with Image.open(side) as photograph:
                    photograph.convert("RGB").resize((128, 128)).save(path)
                log.write(ev.SampleMade(begun + step, step, f"samples/{path.name}", prompt, number))
