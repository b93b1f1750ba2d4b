"""The app over a real sshd on loopback: first screen, keys, a lost line, a clean exit and nothing behind it."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from curator.session.session import Session
from tests.terminal.fake_terminal import FakeTerminal
from tests.terminal.screen import OTHER

_SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.skipif(_SSHD is None, reason="sshd is not installed (Debian: openssh-server)"),
    pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed (Debian: openssh-client)"),
]
_LIMIT_S = 240.0
_SERVER = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
AcceptEnv none
PrintMotd no
PrintLastLog no
LogLevel ERROR
"""


class Server(NamedTuple):
    """An sshd of its own, with its keys; it lets in whoever runs the test."""

    folder: Path
    port: int

    def command(self, *words: str, tty: bool = True) -> list[str]:
        """ssh of one command there, which knows no other keys and hosts."""
        settings = {
            "IdentityFile": self.folder / "user_key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "EscapeChar": "none",
            "LogLevel": "ERROR",
        }
        options = [f"-o{name}={value}" for name, value in settings.items()]
        kind = "-tt" if tty else "-T"
        return ["ssh", "-F", "none", *options, kind, "-p", str(self.port), "127.0.0.1", shlex.join(words)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
            check=True,
            timeout=_LIMIT_S,
        )
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    (folder / "config").write_text(_SERVER.format(port=port, folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root parts from its privileges
    assert _SSHD
    log = folder / "log"
    daemon = subprocess.Popen([_SSHD, "-D", "-E", str(log), "-f", str(folder / "config")])
    it = Server(folder, port)
    try:
        _wait_for(it, daemon, log)
        yield it
    finally:
        daemon.terminate()
        daemon.wait(_LIMIT_S)


def _wait_for(server: Server, daemon: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody is let in; where this machine lets nobody in, its reason is told."""
    end = time.monotonic() + _LIMIT_S
    while True:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", server.port)) == 0:
                break
        said = log.read_text() if log.exists() else ""
        assert time.monotonic() < end, f"sshd did not listen: {said}"
        if daemon.poll() is not None:
            pytest.skip(f"sshd does not start here: {said.strip()}")
        time.sleep(0.05)
    tried = subprocess.run(
        server.command("true", tty=False), capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if tried.returncode:
        pytest.skip(f"sshd lets {getpass.getuser()} not in: {tried.stderr.strip()} {log.read_text().strip()}")


def opened(server: Server, folder: Path, tmp_path: Path) -> FakeTerminal:
    """A terminal in which ssh runs the app, and afterwards the shell there says how it ended."""
    set_there = ["env", f"PYTHONPATH={Path.cwd()}", f"XDG_STATE_HOME={tmp_path / 'state'}", "PYTHONUTF8=1"]
    app = shlex.join([*set_there, sys.executable, "-m", "curator", str(folder)])
    script = f"{app}; echo ended with $?, $(stty -a | grep -o -- '-*echo ')"
    return FakeTerminal(server.command("sh", "-c", script), OTHER, (120, 40), typed=b"j")


def test_a_session_over_ssh(server: Server, folder: Path, tmp_path: Path) -> None:
    it = opened(server, folder, tmp_path)  # with a key typed while the terminal was asked
    try:
        it.sees("4 images")
        it.sees("number 1")  # the second image, by that key, with its tags
        it.until(lambda: any(cell.back != (0, 0, 0) for cell in it.screen.cells[10]), "its picture in blocks")
        it.type("y/number_3\r")  # in one burst: a mark, a filter, and back to the list
        it.sees("1 image")
        it.type("atyped\r")
        it.sees("typed")
        it.resize(80, 24)
        it.until(lambda: it.screen.text.count("\n") == 23 and "undo" in it.screen.text, "the size of now")
        idle = it.quiet(1.0)
        assert it.quiet(1.0) == idle  # nothing goes over the line while nothing happens
        it.type("q")
        assert it.ended() == 0
        text = it.screen.text
        assert (
            text.strip() == "ended with 0, echo"
        )  # and nothing else: the shell's own screen, which shows what is typed
        assert not it.screen.is_alternate
        assert it.screen.stray == []
        left = it.last.rpartition("\x1b[?1049l")[2]
        assert "\x1b[?1049h" not in left
        assert left.count("\x1b") == left.count("\x1b[?")  # behind it only modes are put back
    finally:
        it.close()
    with Session.open(folder) as session:
        marks = [row.mark for row in session.images.rows(list(session.images.select("").ids))]
        assert marks == [0, 1, 0, 0]
        assert len(session.images.select("typed number_3")) == 1


def test_a_lost_line_ends_the_app_and_its_place_is_kept(server: Server, folder: Path, tmp_path: Path) -> None:
    it = opened(server, folder, tmp_path)
    try:
        it.sees("number 1")
        it.type("jy")
        it.sees("number 3")  # a mark steps on
        os.kill(it.child, signal.SIGKILL)  # of ssh: the line is cut
    finally:
        it.close()
    it = opened(server, folder, tmp_path)
    try:
        it.sees("number 3")
        it.type("q")
        assert it.ended() == 0
    finally:
        it.close()
