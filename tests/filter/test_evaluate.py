"""What filters name, on a small collection whose answers are known."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract.buckets import BucketRule, place
from curator.filter.evaluate import select
from curator.filter.language.error import FilterError
from curator.filter.unmatched import unmatched_term_text
from curator.index.changes.edits import SetClass, SetMark
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.picks import Pick
from curator.index.tables.rows import SavedFilter, Subset
from tests.images import NewImage, add_images

SIZES = [(512, 512), (768, 512), (1024, 1536), (512, 768), (2048, 1024), (300, 300)]
TAGS = [
    ("1girl", "saber (fate)", "long_hair"),
    ("1girl", "Long Hair", "smile"),
    ("2girls", "foo", "^_^"),
    (),
    ("scenery",),
    ("1girl", "scenery"),
]
CAPTIONS = ["A red dress", "", "a cat, /slash/", "", "", "blue DRESS"]


def day(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1e9)


DATES = ["2020-12-31T23:59", "2021-01-01", "2021-05-31T12:00", "2021-06-01", "2022-01-01", "2023-07-07"]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    made = Collection.create(tmp_path_factory.mktemp("filter"))
    kinds = ["png", "jpeg", "webp", "jpeg", "gif", "avif"]
    paths = ["b/Cat.png", "a/dog\udcff.jpg", "a/x\n.webp", "Z.jpg", "e.gif", "f.avif"]
    with made.writing():
        root = made.images.root("/data")
        add_images(
            made,
            [
                NewImage(
                    root,
                    paths[k],
                    FileFacts(bytes([k * 17]) * 32, 1000 * (k + 1), day(DATES[k]), *SIZES[k], kinds[k]),
                    TAGS[k],
                    CAPTIONS[k],
                )
                for k in range(6)
            ],
        )
    made.apply(SetClass(("foo",), "artist"))
    made.apply(SetClass(("saber (fate)",), "character"))
    made.apply(SetMark(1), [1, 2])
    made.apply(SetMark(-1), [3])
    made.subsets.save(Subset("girls", "1girl", 2))
    made.subsets.save(Subset("big girls", "subset:girls width>600 limit:5"))
    made.subsets.save(Subset("loop", "subset:loop"))
    made.subsets.save(Subset("broken", "widht>5"))
    return made


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("1girl", [1, 2, 6]),
        ("1GIRL", [1, 2, 6]),
        ("long_hair", [1, 2]),
        ('"long hair"', [1, 2]),
        ("saber_(fate)", [1]),
        ("^_^", [3]),
        ("?girl*", [1, 2, 3, 6]),
        ("tag:*girl*", [1, 2, 3, 6]),
        ('"?girl"', []),
        ("-1girl", [3, 4, 5]),
        ("1girl -scenery", [1, 2]),
        ("1girl OR scenery", [1, 2, 5, 6]),
        ("(1girl OR 2girls) -smile", [1, 3, 6]),
        ("artist:f*", [3]),
        ("artist:*", [3]),
        ("character:saber_(fate)", [1]),
        ("general:foo", []),
        ("untagged", [4]),
        ("has:tags", [1, 2, 3, 5, 6]),
        ("has:caption", [1, 3, 6]),
        ("-has:caption", [2, 4, 5]),
        ("caption:dress", [1, 6]),
        ("caption:/^a/", [1, 3]),
        ("caption:/\\/slash\\//", [3]),
        ("width>512", [2, 3, 5]),
        ("width>=512 height<=512", [1, 2]),
        ("width!=512", [2, 3, 5, 6]),
        ("width:300..512", [1, 4, 6]),
        ("area=262144", [1]),
        ("megapixels>1", [3, 5]),
        ("ratio:0.67", [3, 4]),
        ("ratio:2:3", [3, 4]),
        ("ratio>1.4", [2, 5]),
        ("bytes:2k..3k", [2, 3]),
        ("tags<3", [4, 5, 6]),
        ("id:2..3", [2, 3]),
        ("id:1,4..5", [1, 4, 5]),
        ("id=5,1,5,9999999999", [1, 5]),
        ("id:6..9999999999,9..8", [6]),
        ("id!=1,4..5", [2, 3, 6]),
        ("-id:1,4..5 1girl", [2, 6]),
        ("mark:keep", [1, 2]),
        ("mark:reject", [3]),
        ("mark:none", [4, 5, 6]),
        ("format:jpg", [2, 4]),
        ("date:2021", [2, 3, 4]),
        ("date:2021-05", [3]),
        ("date:2021-01-01", [2]),
        ("date:2021..2022", [2, 3, 4, 5]),
        ("date>2021", [5, 6]),
        ("date<2021", [1]),
        ("date<=2021-05", [1, 2, 3]),
        ("date!=2021", [1, 5, 6]),
        ("path:data/a/", [2, 3]),
        ("path:/data/", [1, 2, 3, 4, 5, 6]),
        ("name:CAT", [1]),
        ("name:/^x/", [3]),
        ("sha:00", [1]),
        ("sha:1111111111111111111111", [2]),
        ("subset:girls", [1, 2, 6]),
        ('subset:"big girls"', [2]),
        ("sort:-id", [6, 5, 4, 3, 2, 1]),
        ("sort:width", [6, 1, 4, 2, 3, 5]),
        ("sort:-width", [5, 3, 2, 1, 4, 6]),
        ("sort:width sort:-height", [6, 4, 1, 2, 3, 5]),
        ("sort:name", [1, 2, 5, 6, 3, 4]),
        ("sort:path limit:3", [2, 3, 1]),
        ("sort:-mark limit:2", [1, 2]),
        ("limit:0", []),
        ("1girl sort:-date limit:2", [6, 2]),
    ],
)
def test_results(collection: Collection, text: str, ids: list[int]) -> None:
    assert select(collection, text).ids.tolist() == ids


def test_buckets_are_those_of_the_freeze(collection: Collection) -> None:
    for rule in (BucketRule(), BucketRule(1024, 1024, 512, 2048, 64, False)):
        collection.settings.put("bucket_rule", vars(rule))
        for bucket in {place(size, rule).bucket for size in SIZES}:
            expected = [k + 1 for k, size in enumerate(SIZES) if place(size, rule).bucket == bucket]
            assert select(collection, f"bucket:{bucket[0]}x{bucket[1]}").ids.tolist() == expected
    collection.settings.put("bucket_rule", {})


def test_unknown_tags_are_told(collection: Collection) -> None:
    result = select(collection, "1girl -1gril OR artist:nobody")
    assert result.ids.tolist() == [1, 2, 6]
    assert result.unknown_tags == ("1gril", "artist:nobody")
    assert len(result) == 3
    assert result.bitmap() == BitMap([1, 2, 6])


@pytest.mark.parametrize(
    ("text", "what"),
    [("a subset:nobody", "no subset"), ("subset:loop", "names itself"), ("subset:broken", "broken filter")],
)
def test_subset_errors(collection: Collection, text: str, what: str) -> None:
    with pytest.raises(FilterError, match=what) as caught:
        select(collection, text)
    assert caught.value.position == text.index("subset")


def test_missing_images_are_in_no_result(collection: Collection) -> None:
    with collection.writing():
        collection.images.set_alive(BitMap([2]), False)
    assert select(collection, "1girl").ids.tolist() == [1, 6]
    assert select(collection, "-scenery").ids.tolist() == [1, 3, 4]
    with collection.writing():
        collection.images.set_alive(BitMap([2]), True)


def test_ten_thousand_terms(collection: Collection) -> None:
    assert select(collection, " OR ".join(["1girl"] * 10_000)).ids.tolist() == [1, 2, 6]


words = st.sampled_from(
    ["1girl", "2girls", "scenery", "smile", "long_hair", "untagged", "mark:keep", "width>600", "tags<3"]
)
trees = st.recursive(
    words,
    lambda inner: st.one_of(
        inner.map(lambda part: f"-({part})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
    ),
)


@given(left=trees, right=trees)
def test_the_laws_of_sets(collection: Collection, left: str, right: str) -> None:
    def found(text: str) -> set[int]:
        return set(select(collection, text).ids.tolist())

    everyone = found("")
    assert found(f"-({left})") == everyone - found(left)
    assert found(f"({left}) ({right})") == found(left) & found(right)
    assert found(f"({left}) OR ({right})") == found(left) | found(right)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("1gril", "no image has the tag '1gril'; did you mean tag:1girl?"),
        ("qqq", "no image has the tag 'qqq'"),
        ("1gril*", "no image has the tag '1gril*'"),
        ("tag:smle", "no image has the tag 'smle'; did you mean tag:smile?"),
        ("character:sabre_(fate)", 'did you mean "saber (fate)"?'),
        ("1girl or scenery", "'or'; an operator is written OR"),
        ("1girl | scenery", "'|'; an operator is written OR"),
        ("!blurry", "an operator is written -blurry"),
        ("1girl, smile", "no tag holds a comma, as '1girl,' does; tags are parted by spaces"),
        ("character:smile", "no tag of class character fits 'smile'; tag:smile is of class general"),
        ("artist:Saber_(Fate)", '"saber (fate)" is of class character'),
        ("artist:nobody", "no image has the tag 'artist:nobody'"),
        ("kitty", "no image has the tag 'kitty'; it is an alias of tag:foo"),
    ],
)
def test_a_term_that_fits_nothing_denies_no_tag_there_is(
    collection: Collection, typed: str, told: str
) -> None:
    collection.aliases.put([("Kitty", "foo")])
    (term, *_) = select(collection, typed).unknown_tags
    assert unmatched_term_text(collection, term).endswith(told)


@pytest.mark.parametrize("field", ["subset", "saved", "picked"])
def test_a_name_that_is_not_there_is_told_with_the_nearest(collection: Collection, field: str) -> None:
    collection.subsets.save(Subset("foxes", "1girl"))
    collection.saved_filters.save(SavedFilter("foxes", "1girl"))
    collection.picks.save(Pick("foxes", BitMap([1]), ""))
    with pytest.raises(FilterError) as near:
        select(collection, f"{field}:foxess")
    assert near.value.hint == "did you mean 'foxes'?"
    with pytest.raises(FilterError) as far:
        select(collection, f"{field}:qqq")
    assert re.fullmatch("known: .*foxes.*", far.value.hint)
