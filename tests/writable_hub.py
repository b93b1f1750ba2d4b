"""A Hugging Face hub on loopback that takes uploads as well: repositories, branches, large files, commits."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

from curator.publish.upload import hub as hub_errors

TOKEN = "hf_aSecretOfTheTest"
_ENVIRONMENT = {
    "HF_TOKEN": TOKEN,
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_XET": "1",
    "NO_PROXY": "127.0.0.1,localhost",
}
LARGE_BYTES = 1000  # files of more are large ones, which go elsewhere first


class Asked(NamedTuple):
    """A request: method, path, and the token."""

    method: str
    path: str
    authorization: str | None


@dataclass
class Repository:
    """A repository: whether it is private, and files by branch."""

    private: bool
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    messages: list[str] = field(default_factory=list)


@dataclass
class WritableHub:
    """What it holds and how it behaves.

    `answers` are statuses given instead of an answer, each once, to paths that hold its key; 0 drops the connection.
    """

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)  # by sha256
    answers: dict[str, list[int]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def paths(self, method: str) -> list[str]:
        return [each.path for each in self.asked if each.method == method]


@contextmanager
def writable_hub() -> Generator[WritableHub]:
    """One that runs; its address is for HF_ENDPOINT."""
    hub = WritableHub()
    server = _Server(hub)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hub_of_this_process(patch: pytest.MonkeyPatch) -> Generator[WritableHub]:
    """One that this process takes for the hub, with a token that may write."""
    from huggingface_hub import constants

    with writable_hub() as running:
        for name, value in _ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("HF_ENDPOINT", running.address)
        template = running.address + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "ENDPOINT", running.address)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(hub_errors, "WAITS_S", (0.0, 0.0))
        yield running


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: WritableHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def do_PUT(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, body: bytes) -> None:
        hub, path = self.server.hub, unquote(self.path.lstrip("/"))
        hub.asked.append(Asked(self.command, path, self.headers.get("Authorization")))
        for part, statuses in hub.answers.items():
            if part in path and statuses:
                status = statuses.pop(0)
                if not status:
                    self.close_connection = True
                    self.connection.close()
                    return
                self._send(status, {"error": "as the test wants it"})
                return
        self._route(path, body)

    def _route(self, path: str, body: bytes) -> None:
        parts = path.split("?", maxsplit=1)[0].split("/")
        if parts[0] == "large":
            self._large(parts[1], body)
        elif path == "api/whoami-v2":
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            self._send(200 if known else 401, {"name": "someone"})
        elif path == "api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif path == "api/repos/create":
            self._create(json.loads(body))
        elif "/resolve/" in path:
            self._resolve(path)
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif parts[:2] == ["api", "models"]:
            self._repository("/".join(parts[2:4]), parts[4:], body)
        else:
            self._send(404, {"error": path})

    def _large(self, digest: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != digest:
            self._send(400, {"error": "another content"})
            return
        self.server.hub.large[digest] = body
        self._send(200, {})

    def _create(self, about: dict[str, Any]) -> None:
        name = f"{about.get('organization') or 'someone'}/{about['name']}"
        url = f"{self.server.hub.address}/{name}"
        if name in self.server.hub.repositories:
            self._send(409, {"url": url})
            return
        private = about.get("private", about.get("visibility") == "private")
        self.server.hub.repositories[name] = Repository(bool(private))
        self._send(200, {"url": url})

    def _batch(self, about: dict[str, Any]) -> None:
        hub = self.server.hub
        objects = [
            {**each, "actions": {"upload": {"href": f"{hub.address}/large/{each['oid']}"}}}
            if each["oid"] not in hub.large
            else each
            for each in about["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def _repository(self, name: str, rest: list[str], body: bytes) -> None:
        repository = self.server.hub.repositories.get(name)
        if repository is None:
            self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif not rest or rest[0] == "revision":
            self._send(200, {"id": name, "sha": "c" * 40, "private": repository.private, "siblings": []})
        elif rest[0] == "branch":
            status = 409 if rest[1] in repository.branches else 200
            repository.branches.setdefault(rest[1], dict(repository.branches["main"]))
            self._send(status, {})
        elif rest[0] == "preupload":
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": each["path"],
                    "shouldIgnore": False,
                    "uploadMode": "lfs" if each["size"] > LARGE_BYTES else "regular",
                }
                for each in files
            ]
            self._send(200, {"files": modes})
        elif rest[0] == "commit":
            self._commit(name, repository, "/".join(rest[1:]), body)
        else:
            self._send(404, {"error": "nothing there"})

    def _commit(self, name: str, repository: Repository, branch: str, body: bytes) -> None:
        files = repository.branches[branch]
        for line in body.splitlines():
            about = json.loads(line)
            value = about["value"]
            if about["key"] == "header":
                repository.messages.append(value["summary"])
            elif about["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif about["key"] == "lfsFile":
                files[value["path"]] = self.server.hub.large[value["oid"]]
        address = f"{self.server.hub.address}/{name}/commit/{'d' * 40}"
        self._send(200, {"commitUrl": address, "commitOid": "d" * 40})

    def _resolve(self, path: str) -> None:
        name, _, rest = path.partition("/resolve/")
        repository = self.server.hub.repositories.get(name)
        branch, _, file = rest.partition("/")
        if repository is None:
            self._send(404, {}, {"X-Error-Code": "RepoNotFound"})
        elif branch not in repository.branches and branch != "c" * 40:
            self._send(404, {}, {"X-Error-Code": "RevisionNotFound"})
        elif file not in (files := repository.branches.get(branch, repository.branches["main"])):
            self._send(404, {}, {"X-Error-Code": "EntryNotFound"})
        else:
            self._content(files[file])

    def _content(self, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if first else 200)
        about = {"X-Repo-Commit": "c" * 40, "ETag": f'"{digest}"', "X-Linked-Etag": f'"{digest}"'}
        if first:
            about["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        for key, value in (
            *about.items(),
            ("X-Linked-Size", len(content)),
            ("Content-Length", len(content) - first),
        ):
            self.send_header(key, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[first:])

    def _send(self, status: int, about: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        text = json.dumps(about).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
