"""Processes of one run, who tell each other what ended them: the first one tells the user.

A process that breaks off leaves its words in the launcher's store before it ends. Whoever finds a connection closed
looks there first, and then at who is gone: each process says every second that it lives.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Protocol, Self

from curator.contract.errors import UserError
from curator.contract.locations import LOG
from curator.contract.run.process_identity import Identity, identity_of, is_alive

_BEAT_S = 1.0
_SILENT_S = 60.0  # of a process on another machine; one that imports a large library says nothing meanwhile
_SILENT_AFTER_LOSS_S = 6.0
_PATIENCE_S = 20.0  # a launcher kills all processes 30 s after one has ended
_GRACE_S = 10.0  # for what is being done when another process ends
_CONNECTION = re.compile(
    r"gloo|nccl|connection (closed|reset|refused)|broken pipe|socket|store", re.IGNORECASE
)


class Store(Protocol):
    """What of torch's `Store` is used: a small table that all processes see."""

    def set(self, key: str, value: str, /) -> None: ...
    def get(self, key: str, /) -> bytes: ...
    def add(self, key: str, number: int, /) -> int: ...
    def check(self, keys: list[str], /) -> bool: ...


class Peers:
    """This process among the `count` of its run."""

    def __init__(self, store: Store, rank: int, count: int) -> None:
        self._store = store
        self._rank = rank
        self._count = count
        self._lock = threading.Lock()  # a store answers one at a time
        self._beats: dict[int, tuple[int, float]] = {}
        self._over = threading.Event()
        self._lost: Callable[[UserError], None] | None = None
        about = {"host": socket.gethostname(), **asdict(identity_of(os.getpid()))}
        self._put(f"who/{rank}", json.dumps(about))
        threading.Thread(target=self._live, daemon=True, name="peers").start()

    @classmethod
    def joined(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Those that torchrun started with this process; None where it trains alone."""
        count = int(environment.get("WORLD_SIZE", "1"))
        if count == 1 or "MASTER_ADDR" not in environment:
            return None
        from torch.distributed import PrefixStore, TCPStore  # noqa: PLC0415

        is_served = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        if not is_served:
            return None
        store = TCPStore(
            environment["MASTER_ADDR"],
            int(environment["MASTER_PORT"]),
            is_master=False,
            timeout=timedelta(seconds=_SILENT_S),
        )
        turn = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
        return cls(PrefixStore(f"frieze/{turn}", store), int(environment["RANK"]), count)

    def watch(self, lost: Callable[[UserError], None]) -> None:
        """Call `lost`, in another thread, where a process has ended and this one did not come to hear of it."""
        self._lost = lost

    def tell(self, error: UserError) -> None:
        """Leave what ends this process for the others; the first such word counts."""
        words = json.dumps({"rank": self._rank, "what": error.what, "hint": error.hint})
        with self._lock:
            self._store.set(f"word/{self._store.add('words', 1)}", words)

    def leave(self) -> None:
        """This process ends by itself."""
        self._over.set()
        try:
            self._put(f"left/{self._rank}", "1")
        except Exception:  # noqa: BLE001 (the store may be gone with the machine that had it)
            return

    def cause(self, patience_s: float = _PATIENCE_S) -> UserError | None:
        """Why the connection to another process was lost, as far as it can be told in this time."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                found = self.told() or self._gone(_SILENT_AFTER_LOSS_S)
            except Exception:  # noqa: BLE001 (whatever torch raises of a store that is gone)
                return UserError("the first machine of the run cannot be reached", f"its {LOG} may tell why")
            if found is not None or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    def told(self) -> UserError | None:
        """What the first process that broke off had to say."""
        with self._lock:
            if not self._store.add("words", 0) or not self._store.check(["word/1"]):
                return None
            words = json.loads(self._store.get("word/1"))
        return UserError(words["what"], words["hint"])

    def _put(self, key: str, value: str) -> None:
        with self._lock:
            self._store.set(key, value)

    def _live(self) -> None:
        """Say each second that this process lives; the first one looks after the others too."""
        beat, found_at = 0, None
        while not self._over.wait(_BEAT_S):
            beat += 1
            try:
                self._put(f"beat/{self._rank}", str(beat))
                found = (self.told() or self._gone(_SILENT_S)) if self._lost else None
            except Exception:  # noqa: BLE001 (the launcher ends all processes where its store is gone)
                return
            if found is None:
                continue
            found_at = found_at or time.monotonic()
            if time.monotonic() - found_at > _GRACE_S and self._lost and not self._over.is_set():
                self._lost(found)
                return

    def _gone(self, silent_s: float) -> UserError | None:
        """Who is dead on this machine, or has been silent so long on another."""
        for rank in range(self._count):
            if rank != self._rank and (host := self._host_of_dead(rank, silent_s)):
                return UserError(
                    f"process {rank + 1} of {self._count} (rank {rank}, on {host}) died without a word",
                    "it may have been killed, as for memory; resume the run: it goes on from its last saved state",
                )
        return None

    def _host_of_dead(self, rank: int, silent_s: float) -> str | None:
        with self._lock:
            if not self._store.check([f"who/{rank}"]) or self._store.check([f"left/{rank}"]):
                return None
            who = json.loads(self._store.get(f"who/{rank}"))
            beat = int(self._store.get(f"beat/{rank}")) if self._store.check([f"beat/{rank}"]) else 0
        host = str(who.pop("host"))
        if host == socket.gethostname() and who["boot"] == identity_of(os.getpid()).boot:
            return None if is_alive(Identity(**who)) else host
        known, since = self._beats.get(rank, (-1, 0.0))
        if beat != known:
            self._beats[rank] = (beat, time.monotonic())
            return None
        return host if time.monotonic() - since > silent_s else None


def is_of_the_connection(error: Exception) -> bool:
    """Whether an error is but the echo of another process that ended."""
    from torch.distributed import DistError  # noqa: PLC0415

    return isinstance(error, (DistError, ConnectionError)) or (
        isinstance(error, RuntimeError) and bool(_CONNECTION.search(str(error)))
    )
