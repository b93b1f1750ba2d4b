"""The recipe: every knob of a training, declared once with its type, default, range, unit and help.

The declarations feed the TOML reader, `--set`, the app's form and the docs. A recipe says nothing of the
data: that is the manifest's. A knob exists here only if the trainer obeys it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from curator.contract.epoch_plan import LEFTOVERS
from curator.contract.prompts.sampler_names import SAMPLER_NAMES
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.knobs import CHOSEN, choice, knob
from curator.contract.recipe.objective import Objective
from curator.contract.recipe.optimizer import Optimizer
from curator.contract.recipe.precision import Precision
from curator.contract.recipe.schedule import Schedule
from curator.contract.recipe.survival import Survival


@dataclass(frozen=True)
class Model:
    """The base model."""

    path: str = knob("", "diffusers folder, single file, or hub id of the base model")
    family: Literal["auto", "sd1", "sd2", "sdxl"] = knob(
        "auto", "model family; auto looks at the files", choices=("auto", "sd1", "sd2", "sdxl")
    )
    vae: str = knob(
        "", "another VAE to encode with: a diffusers folder or .safetensors file; empty: the model's own"
    )
    clip_skip: int = knob(
        1,
        "text encoder layer counted from the end; SDXL always takes the second",
        unit="layers",
        low=1,
        high=23,
    )
    prediction: Literal["auto", "epsilon", "v_prediction"] = knob(
        "auto", "what the model predicts; auto asks the model", choices=("auto", "epsilon", "v_prediction")
    )
    zero_terminal_snr: Literal["auto", "on", "off"] = knob(
        "auto",
        "no signal at the last timestep, for v-prediction; auto asks the model",
        choices=("auto", "on", "off"),
    )


@dataclass(frozen=True)
class Text:
    """How captions, and the prompts of sample images, reach the text encoders."""

    weighted_captions: bool = knob(
        False,
        "brackets in captions and prompts weigh words: (a) x 1.1, [a] / 1.1, (a:1.3) x 1.3; off: plain signs",
    )
    max_tokens: Literal[75, 150, 225] = knob(
        75,
        "tokens of a caption that are read; the rest falls off",
        unit="tokens",
        choices=("75", "150", "225"),
    )


@dataclass(frozen=True)
class FullFinetune:
    """The model itself: what of it is trained."""

    embeddings: bool = knob(False, "train the vectors of the text encoders' tokens and positions as well")
    format: Literal["file", "folder"] = knob(
        "file", "a single file in the original layout, or a diffusers folder", choices=("file", "folder")
    )


@dataclass(frozen=True)
class Embeddings:
    """Vectors for one word, learnt while the model rests (textual inversion)."""

    word: str = knob("", "the word of captions they are for")
    vectors: int = knob(4, "tokens the word counts as", unit="tokens", low=1, high=64)
    initial: str = knob("*", "text whose tokens they start from, again and again where it is short")
    lr: float = knob(5e-3, "their learning rate", low=1e-12, high=10.0)
    extended: bool = knob(
        False, "other vectors for each layer of the UNet that reads text (XTI), of SD 1.x and 2.x"
    )
    start: str = knob("", "an embeddings file of the same shape to start from; empty: new ones")


@dataclass(frozen=True)
class Ema:
    """Moving average of what is trained: evaluated, sampled and saved in its place."""

    decay: float = knob(
        0.0, "share of the average that a step leaves, usually 0.999-0.9999; 0: off", low=0.0, high=0.9999999
    )
    warmup: Literal["ratio", "power", "none"] = knob(
        "ratio",
        "the most of it that update n leaves: (1 + n) / (10 + n), 1 - (1 + n)^-power, or the decay from the start",
        choices=("ratio", "power", "none"),
    )
    power: float = knob(
        0.6666667, "exponent of warmup = power: 2/3 for long runs, 3/4 for short", low=0.01, high=1.0
    )
    device: Literal["model", "cpu"] = knob(
        "model",
        "where the average lies: beside the weights, or in the memory of the CPU",
        choices=("model", "cpu"),
    )
    save: Literal["average", "both"] = knob(
        "average",
        "what a checkpoint holds: the average, or the weights it is of as well",
        choices=("average", "both"),
    )


@dataclass(frozen=True)
class Length:
    """When the run is done: epochs win where both are given."""

    epochs: int = knob(
        10, "times the manifest is gone through; 0: see steps", unit="epochs", low=0, high=10**6
    )
    steps: int = knob(0, "optimiser steps; used where epochs is 0", unit="steps", low=0, high=10**9)


@dataclass(frozen=True)
class BatchSize:
    """How many images make one step: size x accumulate x processes, all of one bucket."""

    size: int = knob(1, "images on one device at once", unit="images", low=1, high=4096)
    accumulate: int = knob(1, "device batches added up to one step", low=1, high=4096)
    leftovers: Literal["short", "fill", "carry"] = knob(
        "short",
        "images of a bucket that fill no batch: a short batch, a filled one, or carried to the next epoch",
        choices=LEFTOVERS,
    )


@dataclass(frozen=True)
class Save:
    """What is written while training. The last weights are always written."""

    every_steps: int = knob(0, "write weights every so many steps; 0: never", unit="steps", low=0)
    every_epochs: int = knob(0, "write weights every so many epochs; 0: never", unit="epochs", low=0)
    keep_last: int = knob(0, "how many of those to keep, the last ones; 0: all", low=0)
    keep_every_steps: int = knob(
        0, "of older ones, those of every so many steps stay for good; 0: none", unit="steps", low=0
    )
    keep_every_epochs: int = knob(
        0, "of older ones, those of every so many epochs stay for good; 0: none", unit="epochs", low=0
    )
    dtype: Literal["fp32", "fp16", "bf16"] = knob(
        "fp16", "numbers in the file", choices=("fp32", "fp16", "bf16")
    )
    state_every_steps: int = knob(
        200, "keep what an exact resume needs every so many steps", unit="steps", low=1
    )
    states_kept: int = knob(
        2, "how many of these states to keep; the last one stays until the next is whole", low=1
    )
    publish: str = knob(
        "",
        "repository of the Hugging Face hub, OWNER/NAME, that every checkpoint is uploaded to; empty: none",
    )
    publish_state: bool = knob(False, "upload the newest state with each, to resume from the hub")
    publish_public: bool = knob(False, "the repository is public, or made so; off: a public one is refused")


@dataclass(frozen=True)
class SamplePictures:
    """Images made to watch the run. Without prompts none are made."""

    prompts: tuple[str, ...] = knob(
        (),
        "one image each: lines, which may have options (--n --w --h --d --l --s --ss), or names of files of such",
    )
    negative: str = knob("", "what the images should not show")
    every_steps: int = knob(0, "make them every so many steps; 0: not between", unit="steps", low=0)
    every_epochs: int = knob(0, "make them after every so many epochs; 0: not", unit="epochs", low=0)
    at_start: bool = knob(True, "make them before the first step")
    at_end: bool = knob(True, "make them after the last step")
    steps: int = knob(20, "denoising steps", unit="steps", low=1, high=1000)
    cfg: float = knob(7.0, "guidance scale", low=1.0, high=100.0)
    width: int = knob(
        0,
        "width; 0: the family's own, 512 for SD1, 512 or 768 for SD2, 1024 for SDXL",
        unit="px",
        low=0,
        high=4096,
    )
    height: int = knob(0, "height; 0: the family's own", unit="px", low=0, high=4096)
    seed: int = knob(1, "seed of the first image; the next ones count up", low=0, high=2**62)
    sampler: str = knob("euler_a", "how noise is taken away", choices=SAMPLER_NAMES)


@dataclass(frozen=True)
class Evaluate:
    """Loss on fixed images, noise and timesteps, before, during and after: comparable where training loss is not."""

    images: int = knob(0, "trained images, evenly spread; 0: none", unit="images", low=0)
    validation_images: int = knob(
        200,
        "images held out of training, evenly spread, where the manifest has any; 0: none",
        unit="images",
        low=0,
    )
    every_steps: int = knob(0, "measure every so many steps; 0: at start and end only", unit="steps", low=0)
    every_epochs: int = knob(
        0, "measure after every so many epochs; 0: at start and end only", unit="epochs", low=0
    )


@dataclass(frozen=True)
class Cache:
    """What is computed once and kept."""

    latents: Literal["memory", "disk", "off"] = knob(
        "memory",
        "where encoded images are kept; those on disk are found by later runs, and only what they miss is encoded",
        choices=("memory", "disk", "off"),
    )
    dtype: Literal["exact", "fp16"] = knob(
        "exact",
        "numbers of encoded images; exact: those the VAE computes in, so that nothing is lost; fp16: rounded, half "
        "the memory of those of a VAE in fp32",
        choices=("exact", "fp16"),
    )
    captions: Literal["memory", "disk"] = knob(
        "memory",
        "where captions are kept as frozen text encoders read them; on disk are those that come again, others "
        "are in memory",
        choices=("memory", "disk"),
    )
    captions_mib: int = knob(
        1024,
        "memory of the CPU, for each process, to keep captions in as frozen text encoders read them; 0: each is read "
        "again every time",
        unit="MiB",
        low=0,
        high=10**6,
    )
    folder: str = knob(
        "",
        "folder of what is kept on disk, which several collections may share; empty: caches, in the collection",
    )
    kohya_npz: bool = knob(
        False,
        "read latents that sd-scripts left beside images (.npz), where they agree with the image; they are of one draw "
        "from the VAE",
    )
    disk_gib: int = knob(
        0,
        "how large that folder may grow; 0: as far as 1 GiB, and what the run itself may need, are left free",
        unit="GiB",
        low=0,
        high=10**6,
    )


@dataclass(frozen=True)
class Loader:
    """How images are read."""

    workers: int = knob(2, "threads that read images ahead; 0: none", low=0, high=256)


@dataclass(frozen=True)
class Log:
    """Where numbers go beside events.jsonl."""

    trackers: tuple[str, ...] = knob(
        (), "trackers, written below the run folder; wandb offline", choices=("tensorboard", "wandb")
    )


@dataclass(frozen=True)
class Metadata:
    """What the weights file says of itself."""

    title: str = knob("", "title; empty: the run's name")
    author: str = knob("", "who made it")
    description: str = knob("", "what it is")
    license: str = knob("", "its licence")
    tags: tuple[str, ...] = knob((), "words to find it by")


@dataclass(frozen=True)
class Recipe:
    """Every knob of one training."""

    seed: int = knob(42, "seed of every random draw", low=0, high=2**63 - 1)
    trains: str = choice("adapter", "what is trained: an adapter, the model itself, or embeddings of a word")
    model: Model = field(default_factory=Model)
    text: Text = field(default_factory=Text)
    adapter: Adapter = field(default_factory=Adapter, metadata=CHOSEN)
    full: FullFinetune = field(default_factory=FullFinetune, metadata=CHOSEN)
    embeddings: Embeddings = field(default_factory=Embeddings, metadata=CHOSEN)
    optimizer: Optimizer = field(default_factory=Optimizer)
    ema: Ema = field(default_factory=Ema)
    schedule: Schedule = field(default_factory=Schedule)
    length: Length = field(default_factory=Length)
    batch: BatchSize = field(default_factory=BatchSize)
    objective: Objective = field(default_factory=Objective)
    precision: Precision = field(default_factory=Precision)
    save: Save = field(default_factory=Save)
    sample: SamplePictures = field(default_factory=SamplePictures)
    evaluate: Evaluate = field(default_factory=Evaluate)
    cache: Cache = field(default_factory=Cache)
    loader: Loader = field(default_factory=Loader)
    survival: Survival = field(default_factory=Survival)
    log: Log = field(default_factory=Log)
    metadata: Metadata = field(default_factory=Metadata)
