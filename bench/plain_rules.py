"""What others do, in plain Python: HakuBooru's quality words and sampling, sd-scripts' buckets; for comparison.

Own code after the published rules; one value after another, as those programs work.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

WORDS = (
    "masterpiece",
    "best quality",
    "great quality",
    "good quality",
    "normal quality",
    "low quality",
    "worst quality",
)
CUTS = (95, 85, 75, 50, 25, 10)


def quality_words(ratings: Sequence[int], favs: Sequence[int]) -> Counter[tuple[int, str]]:
    """Cuts by rating from the sorted favourites (linear percentiles), then a comparison after another for each post."""
    of_rating: dict[int, list[int]] = {}
    for rating, fav in zip(ratings, favs, strict=True):
        of_rating.setdefault(rating, []).append(fav)
    cuts = {rating: [_percentile(values, cut) for cut in CUTS] for rating, values in of_rating.items()}
    counts: Counter[tuple[int, str]] = Counter()
    for rating, fav in zip(ratings, favs, strict=True):
        place = next((place for place, cut in enumerate(cuts[rating]) if fav > cut), len(CUTS))
        counts[rating, WORDS[place]] += 1
    return counts


def _percentile(values: list[int], cut: float) -> float:
    values.sort()
    place = cut / 100 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def bucket_counts(
    sizes: Iterable[tuple[int, int]], buckets: Sequence[tuple[int, int]]
) -> Counter[tuple[int, int]]:
    """The bucket of the nearest ratio for each size, all buckets compared, as sd-scripts does."""
    known = set(buckets)
    ratios = [wide / high for wide, high in buckets]
    counts: Counter[tuple[int, int]] = Counter()
    for size in sizes:
        if size in known:
            counts[size] += 1
            continue
        ratio = size[0] / size[1]
        far = [abs(each - ratio) for each in ratios]
        counts[buckets[far.index(min(far))]] += 1
    return counts


def drawn_posts(posts: Sequence[int], seed: int) -> list[int]:
    """A million of the first three million numbers, half of that of the next two, all from five million on."""
    generator = random.Random(seed)
    low = [post for post in posts if post < 3_000_000]
    middle = [post for post in posts if 3_000_000 <= post < 5_000_000]
    high = [post for post in posts if post >= 5_000_000]
    return [*_some(generator, low, len(posts) // 4), *_some(generator, middle, len(posts) // 8), *high]


def balanced_posts(rows: Iterable[tuple[int, int, int, int]], since: int, top: int) -> list[int]:
    """The best by score since a moment, half of them of rating 1: rows are (post, rating, score, posted)."""
    recent = sorted((row for row in rows if row[3] >= since), key=lambda row: (-row[2], row[0]))
    first = [row[0] for row in recent if row[1] == 1][: top // 2]
    return [*first, *[row[0] for row in recent if row[1] != 1][: top - len(first)]]


def _some(generator: random.Random, posts: list[int], count: int) -> list[int]:
    return generator.sample(posts, min(count, len(posts)))
