"""The bucket rule of a collection, and where it places an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from curator.session.images.three_way_merge import three_way_merge

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from numpy.typing import NDArray

    from curator.contract.buckets import BucketRule, Placement, Size
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection
    from curator.index.images.images import ImageRow


class Buckets:
    """The bucket rule of a collection, and where it places an image."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    @property
    def rule(self) -> BucketRule:
        """The rule by which images are scaled and cut."""
        from curator.index.bucket_rule import bucket_rule

        return bucket_rule(self._collection)

    def set_rule(self, rule: BucketRule) -> Commit:
        """Keep another rule with the collection."""
        from curator.index.bucket_rule import set_bucket_rule

        return set_bucket_rule(self._collection, rule)

    def change_rule(self, change: Callable[[BucketRule], BucketRule]) -> BucketRule:
        """Change the rule of the collection; gives what it is now."""
        from curator.index.bucket_rule import change_bucket_rule

        with self._collection.writing(durable=True):
            change_bucket_rule(self._collection, change)
            return self.rule

    def edit_rule(self, shown: BucketRule, edited: BucketRule) -> BucketRule:
        """Change of the rule what a person changed of the one `shown`; what others changed meanwhile stays."""
        return self.change_rule(lambda now: three_way_merge(now, shown, edited))

    def placement(self, row: ImageRow) -> Placement:
        """The bucket, scale and crop of an image."""
        from curator.contract.buckets import place

        return place((row.width, row.height), self.rule)

    def counts(self, ids: NDArray[Any], rule: BucketRule) -> list[tuple[Size, int]]:
        """How many of the images `ids` fall into each bucket of `rule`, in the order of its buckets."""
        from curator.placement.buckets import buckets_of

        columns = self._collection.columns
        placed = buckets_of(columns.of("width")[ids], columns.of("height")[ids], rule)
        counts = Counter(placed.of_image.tolist())
        return [(placed.sizes[number], counts[number]) for number in sorted(counts) if number >= 0]
