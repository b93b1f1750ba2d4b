from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule
from curator.freeze.members import FreezeSpec, spec_of
from curator.index.changes.edits import SetMark
from curator.index.tables.rows import Subset
from tests.freeze.conftest import PICTURES, Maker
from tests.freezing import members_of


def spec(*subsets: Subset) -> FreezeSpec:
    return FreezeSpec(BucketRule(), subsets)


def test_without_subsets_everything_is_frozen(collect: Maker) -> None:
    collection = collect(PICTURES)
    members = members_of(collection, spec_of(collection))
    assert [len(ids) for ids in members.ids] == [6]
    assert members.funnel == (("in the collection", 6), ("kept", 6))


def test_the_funnel_accounts_for_every_picture(collect: Maker) -> None:
    """S002, B19: one first reason each; input = kept + reasons."""
    collection = collect(PICTURES)
    collection.apply(SetMark(-1), [collection.rows(range(6))[2].id])
    members = members_of(collection, spec(Subset("cats", "cat"), Subset("birds", "bird", 0.1)))
    assert members.funnel == (
        ("in the collection", 6),
        ("rejected by hand", 1),
        ("in no subset", 2),
        ("in a subset with no repeats", 1),
        ("kept", 2),
    )


def test_a_picture_leaves_for_the_first_reason_alone(collect: Maker) -> None:
    """S002: what is rejected and in no subset counts as rejected; in no subset and shown never, as in none."""
    collection = collect(PICTURES)
    alone = [Subset("cats", "cat -outdoors", 0)]
    everything = members_of(collection, spec(*alone)).funnel
    collection.apply(SetMark(-1), [row.id for row in collection.rows(range(1, 7))])
    assert members_of(collection, spec(*alone)).funnel == (
        ("in the collection", 6),
        ("rejected by hand", 6),
        ("kept", 0),
    )
    counts = dict(everything)
    assert counts["in no subset"] + counts["in a subset with no repeats"] == 6
    assert counts["in a subset with no repeats"] == 1


def test_the_first_subset_wins(collect: Maker) -> None:
    collection = collect(PICTURES)
    members = members_of(collection, spec(Subset("outside", "outdoors"), Subset("cats", "cat")))
    assert [len(ids) for ids in members.ids] == [3, 1]
    assert members.overlaps == (0, 1)


def test_a_tag_nobody_has_is_named(collect: Maker) -> None:
    members = members_of(collect(PICTURES), spec(Subset("x", "catt OR dog")))
    assert members.unknown_tags == (("catt",),)


filters = st.sampled_from(["cat", "dog", "outdoors", "-cat", "", "untagged", "width>600", "nothing here"])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(filters, st.sampled_from([0.0, 0.4, 1.0, 2.5])), max_size=4),
    st.sets(st.integers(0, 5)),
)
def test_input_is_kept_and_reasons(
    collect: Maker, subsets: list[tuple[str, float]], rejects: set[int]
) -> None:
    """B19, for any subsets and marks."""
    import uuid

    collection = collect(PICTURES, uuid.uuid4().hex)
    ids = sorted(collection.images.alive())
    collection.apply(SetMark(-1), [ids[i] for i in rejects])
    members = members_of(collection, spec(*(Subset(f"s{i}", f, r) for i, (f, r) in enumerate(subsets))))
    funnel = dict(members.funnel)
    assert funnel.pop("in the collection") == sum(funnel.values())
    assert sum(len(own) for own in members.ids) == len({i for own in members.ids for i in own})
