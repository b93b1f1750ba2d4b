"""One process with the index open twice and others that come and go: the log stays, and with it every edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curator.contract.files.regular_file import open_regular
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.session.session import Session
from tests.index.file.test_database import with_images
from tests.inside import inside

ROOT = Path(__file__).parents[3]
VISITOR = """
import sys
from pathlib import Path
from curator.index.collection import Collection
from curator.index.changes.edits import AddTags
with Collection.open(Path(sys.argv[1])) as collection:
    for name in sys.argv[2:]:
        collection.apply(AddTags((name,)), [1])
"""


def visit(folder: Path, *tags: str) -> None:
    """Another process opens the collection, gives the first image tags, and closes it."""
    subprocess.run([sys.executable, "-c", VISITOR, str(folder), *tags], check=True, cwd=ROOT)


def unlinked() -> list[str]:
    """Files that this process has open and nobody else can find any more."""
    links = [each for each in Path("/proc/self/fd").iterdir() if os.path.lexists(each)]
    targets = [str(each.readlink()) for each in links]
    return [each for each in targets if "frieze.db" in each and each.endswith("(deleted)")]


def test_a_visitor_leaves_the_log_of_one_who_opened_twice(tmp_path: Path) -> None:
    with_images(tmp_path).close()
    with Session.open(tmp_path) as session, Session.open(tmp_path) as reader:
        session.edits.apply(AddTags(("before",)), [1])
        visit(tmp_path)
        assert unlinked() == []
        session.edits.apply(AddTags(("after",)), [1])
        visit(tmp_path, "by another")
        assert unlinked() == []
        wanted = ("a", "b", "before", "after", "by another")
        assert inside(reader).tag_names([1]) == inside(session).tag_names([1]) == [wanted]
        visit(tmp_path, "at last")
    with Collection.open(tmp_path) as again:
        assert again.tag_names([1]) == [(*wanted, "at last")]
        assert again.check() == []


def test_one_of_two_that_closes_takes_nothing_from_the_other(tmp_path: Path) -> None:
    with_images(tmp_path).close()
    with Session.open(tmp_path) as session:
        for name in ("x", "y"):
            with Session.open(tmp_path) as reader:
                assert inside(reader).tag_names([1])
            session.edits.apply(AddTags((name,)), [1])
            visit(tmp_path, f"{name} of another")
        assert unlinked() == []
    with Collection.open(tmp_path) as again:
        assert again.tag_names([1]) == [("a", "b", "x", "x of another", "y", "y of another")]


def test_an_open_index_is_no_file_to_read(tmp_path: Path) -> None:
    """A person may name it where a list, a table or a dump is asked for."""
    collection = with_images(tmp_path)
    with pytest.raises(OSError, match="open here"):
        open_regular(tmp_path / "frieze.db")
    collection.close()
    open_regular(tmp_path / "frieze.db").close()
