"""Opening: what is refused, that a crash leaves the index whole, that writers wait for each other."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.schema.migrations import STEPS
from tests.images import NewImage, add_images


def with_images(folder: Path, count: int = 3) -> Collection:
    collection = Collection.create(folder)
    with collection.writing():
        root = collection.images.root("/p")
        facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
        add_images(collection, [NewImage(root, f"{k}.png", facts, ("a", "b")) for k in range(count)])
    return collection


def test_no_collection(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no collection"):
        Collection.open(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make"):
        Collection.create(tmp_path / "file" / "x")


def test_a_second_create_is_refused(tmp_path: Path) -> None:
    with_images(tmp_path).close()
    with pytest.raises(UserError, match="already"):
        Collection.create(tmp_path)
    assert Collection.open(tmp_path).images.count() == 3


def test_text_and_other_databases_are_refused_untouched(tmp_path: Path) -> None:
    file = tmp_path / "frieze.db"
    file.write_text("not a database, " * 100)
    with pytest.raises(UserError, match="not a frieze index"):
        Collection.open(tmp_path)
    file.unlink()
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE theirs(x)")
    other.commit()
    other.close()
    before = file.read_bytes()
    with pytest.raises(UserError, match="not a frieze index"):
        Collection.open(tmp_path)
    assert file.read_bytes() == before


def test_a_newer_index_is_refused(tmp_path: Path) -> None:
    with_images(tmp_path).close()
    raw = sqlite3.connect(tmp_path / "frieze.db")
    raw.execute(f"PRAGMA user_version={len(STEPS) + 1}")
    raw.close()
    with pytest.raises(UserError, match="newer frieze"):
        Collection.open(tmp_path)


def test_a_torn_file_is_a_sentence(tmp_path: Path) -> None:
    with_images(tmp_path, 2000).close()
    file = tmp_path / "frieze.db"
    data = bytearray(file.read_bytes())
    data[2000 : len(data) - 100] = os.urandom(len(data) - 2100)
    file.write_bytes(data)
    with pytest.raises(UserError) as caught:
        Collection.open(tmp_path).all_tags()
    assert "cannot be used" in caught.value.what


@pytest.mark.parametrize("is_settled", [False, True])
def test_check_finds_what_does_not_agree_and_rebuild_mends_it(tmp_path: Path, is_settled: bool) -> None:
    collection = with_images(tmp_path)
    collection.apply(AddTags(("new",)))
    if is_settled:
        collection.compact()
    raw = sqlite3.connect(tmp_path / "frieze.db")
    lost = "bitmap_change WHERE number IN (SELECT max(number) FROM bitmap_change)" if is_settled else "late"
    raw.execute(f"DELETE FROM {lost}")
    raw.execute("UPDATE tag SET count=7 WHERE name='a'")
    raw.execute("UPDATE image SET width=9 WHERE id=2")
    raw.commit()
    raw.close()
    collection.close()
    collection = Collection.open(tmp_path)
    assert len(collection.check()) == (
        3 if is_settled else 4
    )  # one bitmap, or all that waits: bitmap and counts
    collection.rebuild()
    assert collection.check() == []


def test_kill_between_batches_leaves_whole_batches(tmp_path: Path) -> None:
    """What was acknowledged is there, and everything derived agrees."""
    with_images(tmp_path, 1).close()
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_database import *\n"
        "c = Collection.open(Path(sys.argv[1])); f = FileFacts(b's' * 32, 1, 2, 3, 4, 'png')\n"
        "for n in range(10**6):\n"
        "    add_images(c, [NewImage(1, f'{n}-{k}', f, ('a', f't{n % 7}')) for k in range(50)]); print(n, flush=True)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert worker.stdout is not None
    for _ in range(8):
        last = int(worker.stdout.readline())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    collection = Collection.open(tmp_path)
    assert collection.images.count() % 50 == 1
    assert collection.images.count() >= (last + 1) * 50
    assert collection.check() == []


def test_two_writers_take_turns(tmp_path: Path) -> None:
    with_images(tmp_path, 40).close()

    def work(name: str) -> None:
        mine = Collection.open(tmp_path)
        for k in range(1, 41):
            mine.apply(AddTags((name, f"{name}{k}")), [k])
            time.sleep(0.0002)
        mine.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collection = Collection.open(tmp_path)
    assert {tag.name: tag.count for tag in collection.all_tags()}["x"] == 40
    assert len(collection.tag_names([7])[0]) == 6
    assert collection.check() == []
    while collection.undo():
        pass
    assert set(collection.tag_names(range(1, 41))) == {("a", "b")}


def test_an_error_inside_a_transaction_leaves_nothing(tmp_path: Path) -> None:
    collection = with_images(tmp_path)

    def interrupted() -> None:
        with collection.writing():
            collection.apply(AddTags(("new",)), [1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert collection.tag_names([1]) == [("a", "b")]
    assert collection.tags.find("new") is None
    assert collection.check() == []


def test_a_new_index_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_database: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curator.index.schema.creation.migrate", killed)
    with pytest.raises(KeyboardInterrupt):
        Collection.create(tmp_path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    Collection.create(tmp_path).close()
    assert [file.name for file in tmp_path.iterdir()] == ["frieze.db"]
    assert Collection.open(tmp_path).check() == []


def test_a_write_that_waits_for_another_program_keeps_no_reader_of_its_own(tmp_path: Path) -> None:
    """The app shows what is there while an edit waits in a thread."""
    Collection.create(tmp_path).close()
    collection, other = Collection.open(tmp_path), Collection.open(tmp_path)
    begun = threading.Event()

    def write() -> None:
        begun.set()
        collection.settings.put("a", 1)

    writer = threading.Thread(target=write)
    with other.writing():
        writer.start()
        begun.wait()
        for _ in range(20):
            assert collection.settings.get("a") is None
            time.sleep(0.01)
    writer.join()
    assert collection.settings.get("a") == 1


def test_a_write_waits_no_longer_than_told(tmp_path: Path) -> None:
    Collection.create(tmp_path).close()
    collection, other = Collection.open(tmp_path), Collection.open(tmp_path)
    collection.wait_at_most(0.05)
    with other.writing(), pytest.raises(UserError, match=r"writing this collection for 0\.05 seconds"):
        collection.settings.put("a", 1)
