"""A tagging job: gives images thirty more tags in commits of eight, at a given rate, as `frieze propose` would."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from curator.index.changes.edits import Annotations, Rewrite
from curator.index.collection import Collection

AT_ONCE = 8
TAGS = 30


def tag_some(collection: Collection, rng: np.random.Generator, names: list[str], count: int) -> None:
    """One commit: some images keep their tags and get thirty more, drawn from `names`."""
    images = np.unique(rng.integers(1, count + 1, AT_ONCE)).tolist()
    drawn = rng.integers(0, len(names), (len(images), TAGS)).tolist()
    words = [
        Annotations(image, tuple(dict.fromkeys([*own, *(names[k] for k in new)])))
        for image, own, new in zip(images, collection.tag_names(images), drawn, strict=True)
    ]
    collection.apply(Rewrite(tuple(words), "tagged"), images, actor="tagger", durable=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with Collection.open(options.db) as collection:
        names = [tag.name for tag in collection.all_tags()[:3000]]
        count = collection.images.count()
        begun, done = time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < options.seconds:
            if done > passed * options.rate:
                time.sleep(done / options.rate - passed)
            tag_some(collection, rng, names, count)
            done += AT_ONCE
    print(f"tagged {done} images, images/s: {done / options.seconds:.0f}")


if __name__ == "__main__":
    main()
