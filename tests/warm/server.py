"""A process with the trainer's libraries loaded, which forks for each program that `sitecustomize.py` hands over.

python tests/warm/server.py FILE_DESCRIPTOR     of a socket that listens
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import Any

_READ_AT_IMPORT = ("HF_", "OMP_", "TORCH", "TRANSFORMERS_", "DIFFUSERS_", "TOKENIZERS_")

_READ_LATER = ("TORCHELASTIC_", "TORCH_NCCL_")


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What libraries read while they are imported, and never again."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_READ_AT_IMPORT) and not name.startswith(_READ_LATER)
    }


def _load() -> dict[str, str]:
    """Load the libraries; what `train` has set for them, where nothing else was asked for."""
    before = dict(os.environ)
    import safetensors.torch  # noqa: F401
    from diffusers import (  # noqa: F401
        AutoencoderKL,
        StableDiffusionPipeline,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer  # noqa: F401

    import train.loop
    import train.prepare.job  # noqa: F401

    gc.collect()
    gc.freeze()  # what is loaded is looked through by no collection, and stays shared with what is forked
    return {name: value for name, value in os.environ.items() if name not in before}


class Server:
    """Programs that run, each with the connection of the process that stands for it."""

    def __init__(self, listening: socket.socket, defaults: dict[str, str]) -> None:
        self.listening = listening
        self.defaults = defaults
        self.settings = _settings(os.environ)
        self.waiting = selectors.DefaultSelector()
        self.waiting.register(listening, selectors.EVENT_READ)

    def serve(self) -> None:
        while True:
            for key, _ in self.waiting.select():
                if key.fileobj is self.listening:
                    self._begin()
                elif isinstance(key.fileobj, socket.socket):
                    self._left(key.fileobj, key.data)
                else:
                    self._ended(key.fd, *key.data)

    def _begin(self) -> None:
        connection, _ = self.listening.accept()
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        asked = json.loads(connection.makefile("r").readline() or "{}")
        environment = self.defaults | asked.get("environment", {})
        if len(streams) == 3 and asked and _settings(environment) == self.settings:
            pid = os.fork()
            if not pid:
                _become(asked | {"environment": environment}, streams)
            self.waiting.register(connection, selectors.EVENT_READ, pid)
            self.waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))
            connection.sendall(f"{pid}\n".encode())
        else:
            connection.close()
        for stream in streams:
            os.close(stream)

    def _left(self, connection: socket.socket, pid: int) -> None:
        """Nobody stands for the program any more: it was killed."""
        os.kill(pid, signal.SIGKILL)
        self.waiting.unregister(connection)

    def _ended(self, descriptor: int, pid: int, connection: socket.socket) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.waiting.unregister(descriptor)
        os.close(descriptor)
        if connection in self.waiting.get_map():
            self.waiting.unregister(connection)
            with contextlib.suppress(OSError):  # it was killed together with the program
                connection.sendall(f"{code}\n".encode())
        connection.close()


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    """Run the program in this forked process, as `python -m` would."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(streams) + 100)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv[1:] = asked["arguments"]
        sys.modules.pop(asked["module"], None)
        if "FRIEZE_PLANTED" in os.environ:
            runpy.run_path(os.environ["FRIEZE_PLANTED"])
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (Python itself would tell it)
        traceback.print_exc()
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    os.close(os.pidfd_open(os.getpid()))  # where this is not allowed, nothing is forked
    for number in (
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # ignored where a test that runs a worker began this process
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for pytest, which ends this process
    Server(socket.socket(fileno=int(sys.argv[1])), _load()).serve()
