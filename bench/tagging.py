"""Benchmark of tag models: the pipeline beside the bare session, and thresholds over kept proposals.

    python -m bench.tagging --images 60 --n 3600000 --folder /tmp/frieze-tagging

The reference of the pipeline is the same ONNX session fed from memory in the same run: what it reaches, nothing can
pass. It is measured with a made tagger of 17 billion multiply-adds an image (a ViT-B of 448 px has some 68: all else
is a smaller share yet) and with one so light that decoding bounds, which is said. Memory is that of this process and
its decoders, after a quarter of the images and at the end. The reference of thresholds is numpy over plain arrays of
(image, label, float32) of the first segments, in memory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pyroaring import BitMap

from bench.measure import Table, median_ms, ms, peak_mb, rss_mb
from curator.contract.tagging.job import ImageEntry
from curator.contract.tagging.zoo import ModelRow
from curator.proposals.answers import Answers
from curator.proposals.kept_model import AboutModel, KeptModel
from curator.proposals.queries import ByContent, by_image, counts_by_label
from curator.proposals.segment import MOST_IMAGES, write_segment
from curator.proposals.thresholds import Thresholds
from tag_models.decoding import decode
from tag_models.families.onnx_tagger import OnnxTagger
from tag_models.model import Batch
from tag_models.pipeline import Pipeline

SEED = 20240531
LABELS = 10_861  # as the v3 taggers have
VALUES_PER_IMAGE = 60
SIDE = 448
_RATINGS = 4
_LIGHT = 5  # times as many images for the light tagger


def tagger(folder: Path, width: int) -> Path:
    """A tagger of the usual shape, 448 px and NHWC, whose weights are random: a patch layer and a few large ones."""
    rng = np.random.default_rng(SEED)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array((rng.standard_normal(shape) * 0.02).astype(np.float32), name)

    nodes = [
        helper.make_node("Transpose", ["input"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "patch"], ["a"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "mix"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", LABELS])],
        [
            weights("patch", width, 3, 16, 16),
            weights("mix", width, width, 3, 3),
            weights("head", width, LABELS),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    rows = [f"{n},tag_{n},{9 if n < _RATINGS else 0},1" for n in range(LABELS)]
    (folder / "selected_tags.csv").write_text("\n".join(["tag_id,name,category,count", *rows]))
    return folder


def images(folder: Path, count: int) -> list[ImageEntry]:
    """JPEG images of a megapixel."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    entries: list[ImageEntry] = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        coarse = Image.fromarray(rng.integers(0, 256, (24, 36, 3), dtype=np.uint8), "RGB")
        coarse.resize((1216, 832), Image.Resampling.BICUBIC).save(path, quality=90)
        entries.append(ImageEntry(number, hashlib.sha256(path.read_bytes()).hexdigest(), str(path)))
    return entries


def measure_pipeline(
    table: Table, model: OnnxTagger, entries: list[ImageEntry], batch: int, decoders: int
) -> None:
    """Images a second of the pipeline, of the session alone before and after, and of one decoder."""
    count = len(entries)
    with Image.open(entries[0].path) as first:
        one = np.asarray(model.frame(first.convert("RGB")))
    full = Batch(np.stack([one] * batch), [(SIDE, SIDE)] * batch)
    model.answer(full)
    turns = max(1, count // batch // 2)
    bare_seconds = _seconds(lambda: model.answer(full), turns)
    decode = 1 / _seconds(lambda: [_decoded(entry, model) for entry in entries[:20]], 1) * 20
    warnings: list[str] = []
    pipeline = Pipeline(model, model.side, batch, decoders, lambda what, _: warnings.append(what))
    done, memory, begun, first_at = 0, [0.0, 0.0], time.perf_counter(), 0.0
    for looked in pipeline.looked(entries):
        done += len(looked.images)
        first_at = first_at or time.perf_counter()
        memory[done > count // 4] = _rss_of_all_mb()
    ended = time.perf_counter()
    steady = (done - batch) / (ended - first_at)
    bare = batch / ((bare_seconds + _seconds(lambda: model.answer(full), turns)) / 2)
    most = _most(bare, decode, decoders, model.device)
    bounds = "the model" if most >= 0.9 * bare else "decoding"
    table.add(
        f"{done} images of 1216x832, {model.device}, batch {batch}, {decoders} decoders",
        f"{steady:.1f} images/s, {steady / bare:.0%} of the session",
        f"session {bare:.1f}, one decoder {decode:.1f}, both {most:.1f} images/s at most: {bounds} bounds",
        ">= 90 % where the model bounds",
    )
    table.add("until the first answer, decoders started", ms((first_at - begun) * 1e3))
    table.add("memory after a quarter; at the end", f"{memory[0]:.0f}; {memory[1]:.0f} MB", goal="bounded")
    if warnings or done < count:
        raise SystemExit(f"not all was looked at as asked: {done} of {count}, {warnings}")


def _most(bare: float, decode: float, decoders: int, device: str) -> float:
    """What decoders and model could reach together: on a CPU they share its cores."""
    if device != "cpu":
        return min(bare, decode * decoders)
    return min(decode * decoders, 1 / (1 / bare + 1 / (decode * len(os.sched_getaffinity(0)))))


def _seconds(action: Callable[[], object], turns: int) -> float:
    begun = time.perf_counter()
    for _ in range(turns):
        action()
    return (time.perf_counter() - begun) / turns


def _decoded(entry: ImageEntry, model: OnnxTagger) -> None:
    decode(entry, model.frame)


def _rss_of_all_mb() -> float:
    """Memory of this process and its children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    pages = [int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children]
    return rss_mb() + sum(pages) * 4096 / 1e6


def answers(count: int, seed: int) -> Answers:
    """Made-up answers: common labels common, most values small."""
    rng = np.random.default_rng(seed)
    weight = 1 / np.arange(1, LABELS - _RATINGS + 1)
    drawn = rng.choice(LABELS - _RATINGS, (count, VALUES_PER_IMAGE + 8), p=weight / weight.sum()) + _RATINGS
    rows = [np.concatenate([np.arange(_RATINGS), np.unique(row)])[:VALUES_PER_IMAGE] for row in drawn]
    labels = np.concatenate(rows).astype(np.uint32)
    values = (0.05 + 0.95 * rng.random(len(labels)) ** 3).astype(np.float32)
    contents = rng.integers(0, 2**64, count, dtype=np.uint64)
    return Answers(contents, np.array([len(row) for row in rows], np.int64), labels, values)


def measure_thresholds(table: Table, folder: Path, count: int) -> None:
    """Counts of all labels at another threshold, over `count` images."""
    names = tuple(f"tag_{n}" for n in range(LABELS))
    classes = ("rating",) * _RATINGS + ("general",) * 8000 + ("character",) * (LABELS - 8000 - _RATINGS)
    model = KeptModel.create(folder / "kept", AboutModel("00" * 32, "tags", ("made",), names, classes))
    some = answers(
        min(count, MOST_IMAGES), SEED
    )  # the same answers for other contents: only their number matters
    rng = np.random.default_rng(SEED)
    contents = np.unique(rng.integers(1, 2**64, count, dtype=np.uint64))
    rng.shuffle(contents)
    for number, first in enumerate(range(0, len(contents), MOST_IMAGES), 1):
        here = contents[first : first + MOST_IMAGES]
        taken = some.taken(np.arange(len(here)))
        piece = Answers(here, taken.counts, taken.labels, taken.values)
        write_segment(folder / "kept" / f"{number:06}.segment", piece, range(_RATINGS))
    size = sum(file.stat().st_size for file in (folder / "kept").glob("*.segment"))
    per_image = len(some.labels) / len(some)
    table.add(
        f"proposals of {len(contents):,} images, {per_image:.0f} values each",
        f"{size / 1e6:,.0f} MB, {size / (per_image * len(contents)):.2f} bytes a value",
        f"(label, float32): {8 * per_image * len(contents) / 1e6:,.0f} MB",
        "< 1 GB",
    )
    column = np.concatenate([np.zeros(1, np.uint64), contents])
    everyone = ByContent(BitMap(range(1, len(column))), column)
    labels, values = some.labels, some.values

    def plain() -> object:
        return np.bincount(labels[values > np.float32(0.4)], minlength=LABELS)

    reference = median_ms(plain) * len(contents) / len(some)
    first = median_ms(lambda: counts_by_label(model, Thresholds(0.35), everyone), turns=1)
    again = median_ms(lambda: counts_by_label(model, Thresholds(0.41, 0.8), everyone))
    table.add("counts of all labels: first", ms(first))
    table.add(
        "counts at another threshold", ms(again), f"numpy over arrays in memory: {ms(reference)}", "< 1 s"
    )
    few = ByContent(BitMap(range(1, 1001)), column)
    took = median_ms(lambda: sum(1 for _ in by_image(model, Thresholds(), few)), turns=3)
    table.add("tags of 1,000 images", ms(took))
    table.add("memory at most", f"{peak_mb():.0f} MB")


def main() -> None:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=60, help="images through the pipeline")
    parser.add_argument("--n", type=int, default=3_600_000, help="images whose proposals are kept")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--decoders", type=int, default=1)
    parser.add_argument("--width", type=int, default=1536, help="channels of the made tagger")
    parser.add_argument("--light", type=int, default=256, help="channels of the one that decoding bounds")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/frieze-tagging"))
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    table = Table()
    if given.images:
        entries = images(given.folder / "images", given.images * _LIGHT)
        for width, count in ((given.width, given.images), (given.light, len(entries))):
            model = OnnxTagger(
                tagger(given.folder / f"tagger-{width}", width), ModelRow("onnx-tagger"), "auto"
            )
            measure_pipeline(table, model, entries[:count], given.batch, given.decoders)
    if given.n:
        measure_thresholds(table, given.folder, given.n)
    print(table.markdown())


if __name__ == "__main__":
    main()
