"""A Hugging Face hub on loopback: repositories of a few files, which it hands out as the real one does, or fails to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

COMMIT = "c" * 40


class Request(NamedTuple):
    """What was asked: the method, the path without its leading slash, and two headers."""

    method: str
    path: str
    first_byte: int
    authorization: str | None


@dataclass
class FakeHub:
    """What it has and how it behaves: `break_after` sends so many bytes of a file and then drops the connection."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)  # by REPO/FILE
    hashes: dict[str, str] = field(default_factory=dict)  # what it says of a file, where that is not true
    elsewhere: str = ""  # the host that large files are read from; the hub's own where it is empty
    status: int = 200
    code: str = ""  # of the hub, beside the status
    break_after: int | None = None
    breaks: int = 1
    stall: threading.Event | None = None  # waits for it instead of dropping the connection
    ranges: bool = True
    requests: list[Request] = field(default_factory=list)

    def downloads(self) -> list[Request]:
        """The requests for content, where that is."""
        where = "content/" if self.elsewhere else "/resolve/"
        return [each for each in self.requests if each.method == "GET" and where in each.path]


@contextmanager
def fake_hub() -> Generator[FakeHub]:
    """One that runs; its address is for HF_ENDPOINT."""
    hub = FakeHub()
    server = _Server(hub)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        if hub.stall is not None:
            hub.stall.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.lstrip("/")
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.server.hub.requests.append(Request(self.command, path, first, self.headers.get("Authorization")))
        name = (
            path.removeprefix("content/").replace(f"/resolve/{COMMIT}/", "/").replace("/resolve/main/", "/")
        )
        if self.server.hub.status != 200:
            self._refuse(self.server.hub.status, self.server.hub.code)
        elif name not in self.server.hub.files:
            known = any(
                each.startswith("/".join(name.split("/")[:2]) + "/") for each in self.server.hub.files
            )
            self._refuse(404, "EntryNotFound" if known else "RepoNotFound")
        elif self.server.hub.elsewhere and not path.startswith("content/"):
            self._pass_on(name)
        else:
            self._send(name, first)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _about(self, name: str) -> None:
        content = self.server.hub.files[name]
        known = self.server.hub.hashes.get(name) or hashlib.sha256(content).hexdigest()
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Etag", f'"{known}"')
        self.send_header("X-Linked-Size", str(len(content)))

    def _pass_on(self, name: str) -> None:
        self.send_response(302)
        self._about(name)
        self.send_header("Location", f"{self.server.hub.elsewhere}/content/{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, name: str, first: int) -> None:
        content = self.server.hub.files[name]
        first = first if self.server.hub.ranges else 0
        self.send_response(206 if first else 200)
        self._about(name)
        self.send_header("ETag", '"etag"')
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.server.hub.break_after is None or not self.server.hub.breaks:
            self.wfile.write(content[first:])
            return
        self.server.hub.breaks -= 1
        self.wfile.write(content[first : first + self.server.hub.break_after])
        self.wfile.flush()
        if self.server.hub.stall is not None:
            self.server.hub.stall.wait()
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
