"""Every finding's filter names exactly its images: random collections, and rules written out image by image."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract.buckets import BucketRule, place
from curator.contract.caption.captions import CaptionRules
from curator.contract.epoch_plan import Span
from curator.contract.recipe.recipe import BatchSize
from curator.filter.evaluate import select
from curator.freeze.checks.finding import PictureFilters
from curator.freeze.members import FreezeSpec, Members
from curator.freeze.reader import FreezeReader
from curator.index.changes.edits import SetMark
from curator.index.collection import Collection
from curator.index.tables.rows import Subset
from tests.freeze.conftest import Maker, Picture
from tests.freezing import check, members_of

SIZES = ((100, 100), (128, 128), (255, 257), (512, 512), (600, 400), (300, 1000), (0, 0), (0, 5))
WORDS = ("cat", "dog", "sls", "(red hair", "smile:1.2)", "{red", "x" * 400, "outdoors")
FILTERS = (
    "",
    "cat",
    "-cat",
    "cat OR dog",
    "outdoors limit:2",
    "width>200 sort:-width limit:3",
    "name:/[ab]/",
    "cats_typo",
)
NAMES = ("a", "b-mask", "c_10_10_5_5", "d")

pictures = st.lists(
    st.tuples(
        st.sampled_from((*SIZES, *SIZES[:4])),
        st.lists(st.sampled_from(WORDS), max_size=3, unique=True),
        st.sampled_from(["", "a caption", "{a|b"]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from(NAMES),
    ),
    min_size=5,
    max_size=14,
)
subsets = st.lists(
    st.builds(
        lambda text, repeats, is_reg, crop, mask, rules, share: Subset(
            "",
            text,
            repeats,
            is_reg=is_reg,
            crop=crop,
            mask=mask,
            rules=rules,
            validation_share=0.0 if is_reg else share,
        ),
        st.sampled_from(FILTERS),
        st.sampled_from([0.0, 0.2, 1.0, 1.5, 3.0]),
        st.sampled_from([False, False, True]),
        st.sampled_from(["center", "face"]),
        st.sampled_from(["none", "file"]),
        st.builds(
            CaptionRules,
            shuffle=st.booleans(),
            wildcards=st.booleans(),
            trigger=st.sampled_from(["", "sls"]),
        ),
        st.sampled_from([0.0, 0.0, 0.3, 0.9]),
    ),
    min_size=1,
    max_size=3,
)

_FOLDERS = count()  # an example needs a folder of its own
_COUNT = re.compile(
    r"(?:^|: |of )([\d,]+)(?: of \d+)? (?:\S+ )?(?:images|files|captions|masks|names)|in ([\d,]+) captions"
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pictures=pictures,
    chosen=subsets,
    batch=st.sampled_from([1, 4]),
    saved=st.booleans(),
    upscale=st.booleans(),
)
def test_every_filter_names_exactly_its_pictures(
    collect: Maker, pictures: list, chosen: list[Subset], batch: int, saved: bool, upscale: bool
) -> None:
    rows = [
        Picture(f"{number}{name}.png", size, tuple(tags), caption)
        for number, (size, tags, caption, _, name) in enumerate(pictures)
    ]
    collection = collect(rows, f"set{next(_FOLDERS)}")
    rejected = [number for number, picture in enumerate(pictures, 1) if picture[3]]
    if rejected:
        collection.apply(SetMark(-1), rejected)
    named = tuple(
        Subset(f"s {n}", **{k: v for k, v in vars(each).items() if k != "name"})
        for n, each in enumerate(chosen)
    )
    if saved:
        for each in named:
            collection.subsets.save(each)
    spec = FreezeSpec(BucketRule(512, 512, upscale=upscale), named)
    members = members_of(collection, spec)
    found = check(collection, spec, BatchSize(size=batch))
    for finding in found.findings:
        if not finding.filter:
            assert not _is_about_pictures(finding.what), finding
            continue
        told = _expected(collection, spec, members, rows, set(rejected), finding.what)
        images = select(collection, finding.filter).bitmap()
        assert images == told or (told is None and images <= members.frozen()), finding
        number = _COUNT.search(finding.what)
        if number:
            assert int((number[1] or number[2]).replace(",", "")) == len(images), finding


def _is_about_pictures(what: str) -> bool:
    """Whether a finding speaks of images of the collection that a filter could name."""
    about = (
        "has the tag",
        "fits",
        "has no images",
        "no image would",
        "nothing but",
        "samples an epoch,",
        "holds none",
    )
    return not any(part in what for part in about)


def _expected(
    collection: Collection,
    spec: FreezeSpec,
    members: Members,
    rows: list[Picture],
    rejected: set[int],
    what: str,
) -> BitMap | None:
    """The images a finding speaks of, by going through them one by one; None of brackets and braces."""
    numbers = range(1, len(rows) + 1)
    sized = [n for n in numbers if n not in rejected and min(rows[n - 1].size) > 0]
    own: list[set[int]] = []
    for subset in spec.subsets:
        meets = set(select(collection, subset.filter).ids.tolist()) & set(sized)
        own.append(meets - set().union(*own))
    frozen = set(members.frozen())
    at = int(what.removeprefix("subset s ")[0]) if what.startswith("subset s ") else 0
    held = {n for each in members.held_out for n in each.ids}
    subset, mine = spec.subsets[at], frozen & own[at]
    tests: dict[str, Callable[[], set[int]]] = {
        "no known size": lambda: {n for n in numbers if n not in rejected and min(rows[n - 1].size) == 0},
        "nothing in an epoch": lambda: own[at] - set(members.held_out_of(at)),
        "held out for validation, and none": lambda: own[at],
        "already belong": lambda: (
            set(select(collection, subset.filter).ids.tolist()) & set().union(*own[:at])
        ),
        "surplus": lambda: (
            {
                n
                for k, each in enumerate(spec.subsets)
                if each.is_reg and round(len(own[k] - held) * each.repeats)
                for n in own[k]
            }
            - frozen
        ),
        "enlarged": lambda: {
            n for n in frozen if rows[n - 1].size[0] * rows[n - 1].size[1] * 4 < spec.rule.area
        },
        "neither tags": lambda: {n for n in mine if not rows[n - 1].tags and not rows[n - 1].caption},
        " gone": lambda: frozen,
        "over 75 tokens": lambda: {n for n in mine if "x" * 400 in rows[n - 1].tags},
        "no trigger": lambda: mine,
        "face": lambda: {n for n in mine if "_10_10_5_5" not in rows[n - 1].name},
        " would be trained as ": lambda: {n for n in mine if "-mask" in rows[n - 1].name},
        "no mask": lambda: {n for n in mine if "-mask" not in rows[n - 1].name},
        "is a tag of": lambda: {
            n
            for k, each in enumerate(spec.subsets)
            for n in frozen & own[k]
            if "sls" in rows[n - 1].tags and not (each.rules.trigger == "sls" and not each.is_reg)
        },
        "never shown": lambda: _never_shown(spec, members, rows),
        " of one batch": lambda: {
            n for n in frozen if "{}x{}".format(*place(rows[n - 1].size, spec.rule).bucket) == what.split()[1]
        },
    }
    for part, expected in tests.items():
        if part in what:
            return BitMap(expected())
    return None


def _never_shown(spec: FreezeSpec, members: Members, rows: list[Picture]) -> set[int]:
    together: dict[tuple[object, float], set[int]] = {}
    for each in members.shown:
        for n in each.ids:
            together.setdefault((place(rows[n - 1].size, spec.rule).bucket, each.repeats), set()).add(n)
    silent = (ids for (_, repeats), ids in together.items() if not Span(0, repeats, 0, len(ids)).samples)
    return set().union(*silent)


def test_many_scattered_pictures_are_named_by_number(collect: Maker) -> None:
    collection = collect(Picture(f"{n}.png", (512, 512)) for n in range(1, 501))
    spec = FreezeSpec(BucketRule(), (Subset("all", ""),))
    filters = PictureFilters(FreezeReader(collection), spec, members_of(collection, spec))
    for images in (BitMap(range(1, 500, 2)), BitMap([1, 2, 3, 7, 499]), BitMap([5])):
        text = filters.of(images)
        assert select(collection, text).bitmap() == images
    assert filters.of(BitMap([1, 2, 3, 7])) == "id:1..3,7"
    assert filters.of(BitMap()) == ""
    assert filters.of(BitMap(range(1, 200_000, 2))) == ""  # too long to be of use
