"""Tiny models, images, manifests and runs for the tests of the trainer: everything is made here."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPTokenizer

from curator.contract.buckets import BucketRule, CropMode, bucket_list, place
from curator.contract.caption.captions import CaptionRules, split_caption
from curator.contract.manifest.header import ManifestSubset, MaskMode, Provenance
from curator.contract.manifest.manifest import ManifestImage
from curator.contract.manifest.writer import ManifestContent, write_manifest
from curator.contract.recipe.toml_file import dump_recipe, load_recipe
from curator.contract.run.event_log import read_events
from curator.contract.run.events import Event, StepDone
from curator.contract.run.run_folder import RunFolder
from tests.train.shallow import write_shallow
from train import quiet
from train.tiny import base

ROOT = Path(__file__).parents[2]
RULE = BucketRule(64, 64, min_side=32, max_side=128, step=32)
SIZES = ((64, 64), (80, 80), (120, 60), (60, 120), (64, 64), (90, 45), (70, 70), (100, 100), (130, 66))
TAGS = ("red", "1girl", "solo", "smile", "outdoors")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
    quiet.after_imports()


@pytest.fixture(autouse=True, scope="session")
def _tokenizers_are_read_once() -> Iterator[None]:
    """A third of the time of a short run; one that was given tokens of a run's own is read anew."""
    read, kept = CLIPTokenizer.from_pretrained, dict[object, tuple[CLIPTokenizer, int]]()

    def read_once(folder: str, **options: object) -> CLIPTokenizer:
        stats = {each.name: each.stat() for each in sorted(Path(folder).iterdir())}
        files = [(name, each.st_ino, each.st_size, each.st_mtime_ns) for name, each in stats.items()]
        key = (*files, *sorted(options.items()))
        if key not in kept or len(kept[key][0]) != kept[key][1]:
            tokenizer = read(folder, **options)
            while len(kept) > 8:
                kept.pop(next(iter(kept)))
            kept[key] = tokenizer, len(tokenizer)
        return kept[key][0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CLIPTokenizer, "from_pretrained", read_once)
        yield


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests say what a CPU does, also on a machine with a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(autouse=True)
def _fresh_accelerate() -> Iterator[None]:
    """accelerate keeps one state a process; runs in these tests differ in precision."""
    from accelerate.state import AcceleratorState, GradientState

    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture(scope="session")
def tiny_model(made_once: Callable[..., Path]) -> Path:
    """A random model folder of SD1, of few layers."""
    return made_once("shallow", lambda folder: write_shallow(folder, "sd1"))


@pytest.fixture(scope="session")
def whole_model(made_once: Callable[..., Path]) -> Path:
    """A random model folder of SD1, with all its layers."""
    return made_once("tiny", lambda folder: base.save(base.build(seed=0), folder))


@pytest.fixture(scope="session")
def tiny_sdxl(made_once: Callable[..., Path]) -> Path:
    """A random model folder of SDXL, of few layers."""
    return made_once("shallow-xl", lambda folder: write_shallow(folder, "sdxl"))


@pytest.fixture(scope="session")
def tiny_sd2(made_once: Callable[..., Path]) -> Path:
    """A random model folder of SD2, of few layers."""
    return made_once("shallow-sd2", lambda folder: write_shallow(folder, "sd2"))


@dataclass(frozen=True)
class Pictures:
    """A folder of images and the manifest frozen of them."""

    folder: Path
    manifest: Path
    digest: str


@dataclass(frozen=True)
class Frozen:
    """What to freeze: image sizes, the rule, and what the one subset says; `regs` are images of another."""

    sizes: Sequence[tuple[int, int]] = SIZES
    rules: CaptionRules = field(
        default_factory=lambda: CaptionRules(shuffle=True, keep_tags=1, tag_dropout=0.1)
    )
    repeats: float = 1.0
    flip: bool = True
    loss_weight: float = 1.0
    broken: Sequence[int] = ()  # images whose data ends in the middle
    clear: Sequence[int] = ()  # images whose left half is transparent
    rule: BucketRule = RULE
    crop: CropMode = "center"
    mask: MaskMode = "none"
    regs: Sequence[int] = ()
    reg_weight: float = 1.0
    held_out: Sequence[int] = ()


@pytest.fixture
def frozen() -> type[Frozen]:
    return Frozen


@pytest.fixture
def freeze(tmp_path: Path) -> Callable[[Frozen], Pictures]:
    def make(wanted: Frozen = Frozen()) -> Pictures:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        for index, size in enumerate(wanted.sizes):
            path = folder / f"{index:02d}.png"
            _paint(path, size, index, broken=index in wanted.broken, clear=index in wanted.clear)
        manifest = tmp_path / "set.manifest"
        return Pictures(folder, manifest, _write(manifest, folder, wanted))

    return make


def _paint(path: Path, size: tuple[int, int], seed: int, *, broken: bool, clear: bool) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), rng.integers(0, 255, 3), dtype=np.uint8)
    pixels[: size[1] // 2, : size[0] // 2] = rng.integers(0, 255, 3)
    pixels[size[1] // 3 :: 7] = rng.integers(0, 255, (size[0], 3))
    picture = Image.fromarray(pixels)
    if clear:
        opacity = np.full((size[1], size[0]), 255, dtype=np.uint8)
        opacity[:, : size[0] // 2] = 0
        picture.putalpha(Image.fromarray(opacity))
    picture.save(path)
    if broken:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


def _write(manifest: Path, folder: Path, wanted: Frozen) -> str:
    subset = ManifestSubset(
        "all",
        "",
        wanted.repeats,
        loss_weight=wanted.loss_weight,
        flip=wanted.flip,
        rules=wanted.rules,
        crop=wanted.crop,
        mask=wanted.mask,
    )
    regs = replace(subset, name="class", loss_weight=wanted.reg_weight, is_reg=True)
    images = [_image(folder / f"{i:02d}.png", i, size, wanted) for i, size in enumerate(wanted.sizes)]
    images.sort(key=lambda image: (image.bucket, image.repeats, image.subset, image.path))
    content = ManifestContent(
        wanted.rule,
        bucket_list(wanted.rule),
        [subset, regs] if wanted.regs else [subset],
        dict.fromkeys(_all_tags(wanted), "general"),
        images,
        Provenance("set", "2026-01-01T00:00:00+00:00", "tests", 0, (), (str(folder),)),
    )
    return write_manifest(manifest, content)


def _all_tags(wanted: Frozen) -> list[str]:
    trigger = [wanted.rules.trigger] if wanted.rules.trigger else []
    return [*TAGS, *trigger, *(f"number {index}" for index in range(len(wanted.sizes)))]


def _image(path: Path, index: int, size: tuple[int, int], wanted: Frozen) -> ManifestImage:
    data = path.read_bytes()
    placed = place(size, wanted.rule)
    parts = split_caption((f"number {index}", *TAGS[: 1 + index % len(TAGS)]), "", wanted.rules)
    bucket = bucket_list(wanted.rule).index(placed.bucket)
    digest = hashlib.sha256(data).hexdigest()
    subset = int(index in wanted.regs)
    repeats = 0.0 if index in wanted.held_out else wanted.repeats
    return ManifestImage(path.name, 0, digest, len(data), size, bucket, placed, subset, repeats, parts)


BASE_SETS = (
    "adapter.rank=2",
    "adapter.alpha=2.0",
    "optimizer.unet_lr=1e-2",
    "optimizer.text_lr=1e-2",
    "batch.size=2",
    "length.epochs=0",
    "length.steps=4",
    "precision.mixed=fp32",
    "save.dtype=fp32",
    "loader.workers=0",
)


@pytest.fixture
def make_run(
    tmp_path: Path, tiny_model: Path, freeze: Callable[[Frozen], Pictures]
) -> Callable[..., RunFolder]:
    """A run folder as `frieze train` makes it: `make_run("save.every_steps=2", frozen=..., base="a preset")`."""

    def make(*sets: str, frozen: Frozen = Frozen(), name: str = "tiny", base: str = "") -> RunFolder:
        pictures = freeze(frozen)
        source = base or _empty_recipe(tmp_path)
        others = {"trains=full": ("adapter.",), "trains=embeddings": ("adapter.", "optimizer.")}
        idle = next((others[each] for each in sets if each in others), ())
        shared = [each for each in BASE_SETS if not each.startswith(tuple(idle))]
        recipe = load_recipe(source, [*shared, f"model.path={tiny_model}", *sets])
        return RunFolder.create(
            tmp_path / "runs", name, dump_recipe(recipe), pictures.manifest, pictures.digest
        )

    return make


def _empty_recipe(folder: Path) -> Path:
    path = folder / "empty.toml"
    path.write_text("")
    return path


@pytest.fixture
def work() -> Callable[[RunFolder], int]:
    """Run a run in this process; the exit code. Signal handlers are put back."""
    from train.worker import work as run_worker

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def run(folder: RunFolder) -> int:
        return run_worker(folder.path)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def start_worker() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `python -m train` as a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start(run: RunFolder, **environment: str) -> subprocess.Popen[bytes]:
        log = run.log_path.open("ab")
        worker = subprocess.Popen(
            [sys.executable, "-m", "train", str(run.path)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        log.close()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


@pytest.fixture
def kill_after(
    start_worker: Callable[..., subprocess.Popen[bytes]], events_of: Callable[[RunFolder], list[Event]]
) -> Callable[[RunFolder, int], None]:
    """Start the worker of a run, and SIGKILL it as soon as a step is reported."""

    def kill(run: RunFolder, step: int) -> None:
        worker = start_worker(run)
        while not any(isinstance(event, StepDone) and event.step >= step for event in events_of(run)):
            assert worker.poll() is None, run.log_path.read_text()
            time.sleep(0.02)
        pid = run.worker_pid()  # `worker` may only stand for it: see tests/warm
        assert pid
        os.kill(pid, signal.SIGKILL)
        worker.wait()

    return kill


@pytest.fixture
def events_of() -> Callable[[RunFolder], list[Event]]:
    return lambda run: read_events(run.events_path)[0]


@pytest.fixture(autouse=True)
def _signals_as_before():
    """A worker in this process takes signals for itself; the next test gets them back."""
    known = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in known.items():
        signal.signal(each, handler)


@pytest.fixture
def tiny_of(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The random model folder of a family."""
    names = {"sd1": "tiny_model", "sd2": "tiny_sd2", "sdxl": "tiny_sdxl"}
    return lambda family: request.getfixturevalue(names[family])
