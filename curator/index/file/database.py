"""SQLite connection: open, refuse, read, write, retry; one WAL file, many readers, several writers."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from curator.contract.errors import UserError
from curator.contract.files import live_databases
from curator.contract.locations import INDEX

if TYPE_CHECKING:
    from curator.index.file.flush import Flusher

APPLICATION_ID = 0x46525A45  # "FRZE": how a frieze index is told from any other SQLite file
WRITER_PATIENCE_S = 30.0
_PAUSE_S = 0.0015  # of a job after each commit: a person who waits tries again within it
RETRY_S = 0.0005  # SQLite's own back-off starves a rare writer beside busy ones (index_scale.md), so we poll
_BY_PERSON, _BY_JOB = (
    48000,
    16000,
)  # pages of log: a person does not tidy up after jobs, which takes a tenth of a second
_T = TypeVar("_T")


class Database:
    """One connection. Safe to share between threads: a transaction holds the lock for its whole length.

    `on_foreign_change` is called inside the first transaction that sees another process's commit, while the
    snapshot is pinned; `on_rollback` after a write was taken back. So whoever caches rows can keep up.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.on_foreign_change: Callable[[], None] = _nothing
        self.on_rollback: Callable[[], None] = _nothing
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0
        self._writing = False
        self.has_written = False
        self._owner: int | None = None  # the thread inside a transaction
        self._version = -1
        self._flusher: Flusher | None = None
        self.patience_s = WRITER_PATIENCE_S  # how long a write waits for those of other programs

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Database:
        """Open `path`, or make it when `create`; anything that is not a whole frieze index is refused."""
        if create == path.exists():
            raise exists_already(path) if create else _absent(path)
        if not create:
            refuse_unreadable(path)
        with sqlite_errors(path):
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                # another process may be putting a killed one's log in order, which locks even the first look
                retried(lambda: _prepare(connection, path, create))
            except BaseException:
                connection.close()
                raise
        database = cls(path, connection)
        live_databases.hold(database, path)
        return database

    @property
    def connection(self) -> sqlite3.Connection:
        return self._connection

    def close(self) -> None:
        with self._lock, sqlite_errors(self.path):
            try:
                if self._flusher:
                    self._flusher.close()
            except OSError as error:
                raise _cannot(self.path, f"disk I/O error ({error.strerror})") from error
            finally:
                self._flusher = None
                self._connection.close()
                live_databases.let_go(self)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A snapshot: everything read inside belongs to one moment. Nests."""
        with self._lock, sqlite_errors(self.path):
            if self._depth:
                yield self._connection
                return
            self._begin("BEGIN")
            with self._transaction():
                yield self._connection

    @contextmanager
    def writing(self, *, durable: bool = False) -> Generator[sqlite3.Connection]:
        """A write transaction, whole or not at all. Nests.

        A `durable` one (edits by a person) is flushed to the disk within a second, by a thread; `close` waits for that.
        While it waits for a writer of another program, other threads may read.
        """
        deadline = time.monotonic() + self.patience_s
        while True:
            with self._lock, sqlite_errors(self.path):
                if self._depth:
                    if not self._writing:
                        raise RuntimeError("a write may not begin inside a read: its snapshot could be stale")
                    yield self._connection
                    return
                if self._begin_to_write(durable):
                    try:
                        with self._transaction():
                            yield self._connection
                    finally:
                        self._writing = False
                    break
            if time.monotonic() > deadline:
                raise _busy(self.patience_s)
            time.sleep(RETRY_S)
        if durable:
            self._flush_soon()
        else:
            time.sleep(_PAUSE_S)

    def _begin_to_write(self, durable: bool) -> bool:
        """Begin a write transaction, unless another program is in one."""
        self._connection.execute(f"PRAGMA wal_autocheckpoint={_BY_PERSON if durable else _BY_JOB}")
        if retried(self._data_version) != self._version:  # catch up while nobody waits for this one
            self._begin("BEGIN")
            self._connection.execute("COMMIT")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        self._look_for_foreign_changes()
        self._writing = self.has_written = True
        return True

    def _flush_soon(self) -> None:
        from curator.index.file.flush import (
            Flusher,  # its thread pool takes a while to import, and most only read
        )

        with self._lock:
            self._flusher = self._flusher or Flusher(self.path)
            try:
                self._flusher.ask()
            except OSError as error:
                raise UserError(
                    f"the change is made, but the disk did not take an earlier one ({error.strerror})",
                    f"check the disk that holds {self.path}",
                ) from error

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside `reading` or `writing`."""
        return self._owner == threading.get_ident()

    @contextmanager
    def read_connection(self) -> Generator[sqlite3.Connection]:
        """A connection for one long walk that nobody else waits for; this one, where its snapshot is already pinned."""
        if self.in_transaction:
            yield self._connection
            return
        with sqlite_errors(self.path):
            where = f"file:{quote(os.fsencode(self.path))}?mode=ro"
            connection = sqlite3.connect(where, uri=True, timeout=WRITER_PATIENCE_S, check_same_thread=False)
            try:
                yield connection
            finally:
                connection.close()

    def checkpoint(self) -> None:
        """Move the log into the file; as far as readers of older snapshots allow."""
        with self._lock, sqlite_errors(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def keep_pages(self, mib: int) -> None:
        """How many MiB of the file this connection keeps in memory of its own; the system has them cached anyway."""
        with self._lock:
            self._connection.execute(f"PRAGMA cache_size={-1024 * mib}")

    def changed(self) -> bool:
        """Whether another connection committed since this one last looked (caches are refreshed by the next read)."""
        with self._lock, sqlite_errors(self.path):
            return retried(self._data_version) != self._version

    def _begin(self, statement: str) -> None:
        retried(lambda: self._connection.execute(statement))
        self._look_for_foreign_changes()

    def _look_for_foreign_changes(self) -> None:
        try:
            version = retried(self._data_version)  # also pins the snapshot of a plain BEGIN
            if version != self._version:
                self._version = version
                self.on_foreign_change()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._depth = 1
        self._owner = threading.get_ident()
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if self._writing:
                self.on_rollback()  # caches were patched with what has just been rolled back
            raise
        finally:
            self._depth = 0
            self._owner = None

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def retried(attempt: Callable[[], _T]) -> _T:
    """Try until the file is free; a writer that waits too long is told so."""
    deadline = time.monotonic() + WRITER_PATIENCE_S
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            if time.monotonic() > deadline:
                raise _busy(WRITER_PATIENCE_S) from error
        time.sleep(RETRY_S)


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another connection holds the file just now."""
    return "locked" in str(error) or "busy" in str(error)


def _busy(waited_s: float) -> UserError:
    return UserError(
        f"another program has been writing this collection for {waited_s:g} seconds",
        "wait for the other frieze to finish, or end it",
    )


@contextmanager
def sqlite_errors(path: Path) -> Generator[None]:
    """What SQLite cannot do is a sentence for people, not a traceback."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
            raise  # a bug of ours
        raise _cannot(path, str(error)) from error


def _cannot(path: Path, reason: str) -> UserError:
    hints = {
        "malformed": "restore a copy of it, or move it away and scan the folders again",
        "not a database": "move it away and scan the folders again",
        "full": "free some space and try again; nothing was half-written",
        "readonly": f"make the folder and {INDEX} writable",
        "unable to open": "check that the folder exists and that you may write to it",
        "disk I/O": "check the disk; nothing was half-written",
    }
    hint = next((text for word, text in hints.items() if word in reason), "run `frieze verify`")
    return UserError(f"the index {path} cannot be used: {reason}", hint)


def refuse_unreadable(path: Path) -> None:
    """Refuse what is no file or may not be read.

    The system is asked and the file never opened: closing it again would drop every lock that this process has on it.
    """
    if not path.is_file():
        raise _foreign(path)
    if not os.access(path, os.R_OK):
        raise UserError(f"cannot read {path}: permission denied", "check its permissions")


def _prepare(connection: sqlite3.Connection, path: Path, create: bool) -> None:
    if create:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    else:
        refuse_foreign(connection, path)
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise UserError(
            f"the file system of {path} cannot hold an index (no write-ahead log)",
            "keep the collection on a local disk; the images themselves may be on a network one",
        )
    for pragma in (
        "synchronous=NORMAL",
        "temp_store=MEMORY",
        "cache_size=-65536",
        "journal_size_limit=67108864",
        "secure_delete=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is another program's file, or no database."""
    if _application_id(connection, path) != APPLICATION_ID:
        raise _foreign(path)


def _application_id(connection: sqlite3.Connection, path: Path) -> int:
    try:
        return int(connection.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise _foreign(path) from error
        raise


def _foreign(path: Path) -> UserError:
    return UserError(f"{path} is not a frieze index", "move it away, then run `frieze scan DIR`")


def _absent(path: Path) -> UserError:
    return UserError(f"there is no collection in {path.parent}", "make one with `frieze scan DIR`")


def exists_already(path: Path) -> UserError:
    """Why nothing is made."""
    return UserError(f"there is already a collection in {path.parent}", "open it instead")


def _nothing() -> None:
    """Until a collection asks to be told."""
