"""What goes wrong around the index: full disks, network disks, locked, cut and foreign files, hostile words."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.index.bulk_import import BulkImport
from curator.index.changes.edits import AddTags, SetCaption
from curator.index.collection import Collection
from curator.index.file import database
from curator.index.file.file_system import kind_of, refuse_network
from curator.index.images.images import FileFacts
from curator.index.images.new_images import ImageBatch
from tests.images import NewImage, add_images

FACTS = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
HOSTILE = [
    "x" * 10_000, "\x1b[2J\x1b[31mred", "[bold]a[/bold]", "😀👩‍👩‍👧", "\u202eevil\u202c", "a\tb", "%_*?[", "-", "((",
    "'; DROP TABLE tag;--",
]  # fmt: skip


def with_images(folder: Path, count: int = 50) -> Collection:
    collection = Collection.create(folder)
    with collection.writing():
        root = collection.images.root("/p")
    add_images(collection, [NewImage(root, f"{k}.png", FACTS, ("a", "b")) for k in range(count)])
    return collection


def batch(root: int, first: int, count: int = 400) -> ImageBatch:
    numbers = np.arange(first, first + count)
    names = [f"{number}.webp" for number in numbers.tolist()]
    tags = [[f"tag {number}", "all"] for number in numbers.tolist()]
    return ImageBatch(root, names, tags, [bytes(32)] * count, *[numbers] * 4, numbers % 3)


def test_a_full_disk_in_mid_import_loses_no_finished_batch(tmp_path: Path) -> None:
    collection = with_images(tmp_path)
    root = collection.images.roots()["/p"]
    pages = collection._database.connection.execute("PRAGMA page_count").fetchone()[0]
    collection._database.connection.execute(f"PRAGMA max_page_count={pages + 60}")
    load = BulkImport(collection, "s")

    def import_without_end() -> None:
        with load:
            while True:
                load.add(batch(root, load.position))

    with pytest.raises(UserError, match="full") as caught:
        import_without_end()
    done = load.position
    assert "free some space" in caught.value.hint
    assert done > 0
    collection.close()
    again = Collection.open(tmp_path)
    with BulkImport(again, "s") as load:  # there is room again
        assert load.position == done
        load.add(batch(root, done))
    assert again.images.count() == 50 + done + 400
    assert again.check() == []


def test_a_full_disk_in_mid_edit_leaves_nothing_of_it(tmp_path: Path) -> None:
    collection = with_images(tmp_path, 3000)
    pages = collection._database.connection.execute("PRAGMA page_count").fetchone()[0]
    collection._database.connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(UserError, match="full"):
        collection.apply(SetCaption("a long caption " * 50))
    assert collection.history() == []
    assert collection.check() == []


def test_a_locked_database_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = with_images(tmp_path)
    other = sqlite3.connect(tmp_path / "frieze.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(database, "WRITER_PATIENCE_S", 0.0)
    with pytest.raises(UserError, match="has been writing"):
        collection.apply(AddTags(("x",)), [1])
    assert collection.tag_names([1]) == [("a", "b")]
    monkeypatch.setattr(database, "WRITER_PATIENCE_S", 30.0)
    waiting = threading.Thread(target=lambda: collection.apply(AddTags(("x",)), [1]))
    waiting.start()
    other.execute("COMMIT")
    waiting.join(600)
    assert collection.tag_names([1]) == [("a", "b", "x")]


@pytest.mark.parametrize("keep", [0, 50, 4096, 30_000])
def test_a_cut_file_is_a_sentence(tmp_path: Path, keep: int) -> None:
    with_images(tmp_path, 2000).close()
    file = tmp_path / "frieze.db"
    file.write_bytes(file.read_bytes()[:keep])

    def read_all() -> None:
        with Collection.open(tmp_path) as collection:
            collection.all_tags()
            collection.rows(range(1, 2000))
            collection.check()

    with pytest.raises(UserError):
        read_all()


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "frieze.db").mkdir()
    with pytest.raises(UserError):
        Collection.open(tmp_path)


def test_hostile_tags_come_back_as_they_are(tmp_path: Path) -> None:
    collection = with_images(tmp_path)
    collection.apply(AddTags(tuple(HOSTILE)), [1, 2])
    assert collection.tag_names([1]) == [("a", "b", *HOSTILE)]
    for name in HOSTILE:
        assert name in [tag.name for tag, _ in collection.find_tags(name)]
    assert all("\x1b" not in commit.what for commit in collection.history())
    collection.undo()
    assert collection.tag_names([1]) == [("a", "b")]
    assert collection.check() == []


def test_a_backup_is_one_copied_file(tmp_path: Path) -> None:
    """docs/index.md says so: closed, or after `checkpoint`, `frieze.db` alone is the whole collection."""
    collection = with_images(tmp_path / "one")
    collection.apply(AddTags(("late",)), [7])
    collection.checkpoint()
    (tmp_path / "two").mkdir()
    # in a process of its own, as people do it: here it would drop the locks of the open collection
    subprocess.run(["cp", tmp_path / "one" / "frieze.db", tmp_path / "two"], check=True)
    copy = Collection.open(tmp_path / "two")
    assert copy.tag_names([7]) == [("a", "b", "late")]
    assert copy.undo() is not None
    assert copy.check() == []
    assert collection.tag_names([7]) == [("a", "b", "late")]


MOUNTS = rb"""/dev/vda1 / ext4 rw 0 0
proc /proc proc rw 0 0
nas:/pool /mnt/nas nfs4 rw 0 0
//box/share /mnt/my\040share cifs rw 0 0
tmpfs /mnt/nas/local tmpfs rw 0 0
user@host: /home/u/far fuse.sshfs rw 0 0
garbage
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/u/pictures", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/deep/er", "nfs4"),
        ("/mnt/nas/local/x", "tmpfs"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/my share/c", "cifs"),
        ("/home/u/far/away", "fuse.sshfs"),
    ],
)
def test_network_file_systems_are_refused(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_bytes(MOUNTS)
    assert kind_of(Path(folder), mounts) == kind
    if kind in ("ext4", "tmpfs"):
        refuse_network(Path(folder), mounts)
    else:
        with pytest.raises(UserError, match="network file system") as caught:
            refuse_network(Path(folder), mounts)
        assert "local disk" in caught.value.hint


def test_no_mount_table_refuses_nothing(tmp_path: Path) -> None:
    assert kind_of(tmp_path, tmp_path / "nothing") == ""
    refuse_network(tmp_path, tmp_path / "nothing")
