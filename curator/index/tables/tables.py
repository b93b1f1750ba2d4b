"""The tables beside the images: settings, subsets, saved filters, picks, aliases, metadata, scores and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.tables.fingerprints import Fingerprints
from curator.index.tables.folders import FolderTable
from curator.index.tables.metadata import Metadata
from curator.index.tables.picks import PickTable
from curator.index.tables.record_edits import RecordEdits
from curator.index.tables.rule_tags import RuleTags
from curator.index.tables.scores import Scores
from curator.index.tables.small_tables import Aliases, Quarantine, SavedFilters, Settings, SubsetTable
from curator.index.tables.tag_search import TagSearch

if TYPE_CHECKING:
    from curator.index.editing.store import Store
    from curator.index.undo.journal import Journal


class Tables:
    """The tables of one index; what people edit in them, the journal remembers."""

    def __init__(self, store: Store, journal: Journal) -> None:
        database = store.database
        self.records = RecordEdits(database, journal)
        self.settings = Settings(database, self.records)
        self.subsets = SubsetTable(database, self.records)
        self.saved_filters = SavedFilters(database, self.records)
        self.aliases = Aliases(database, self.records)
        self.picks = PickTable(database, self.records)
        self.quarantine = Quarantine(database.connection)
        self.metadata = Metadata(database)
        self.scores = Scores(store)
        self.fingerprints = Fingerprints(database)
        self.folders = FolderTable(database)
        self.rule_tags = RuleTags(database)
        self.tag_search = TagSearch(store.tags, self.aliases)
