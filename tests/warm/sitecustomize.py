"""Programs of the trainer, begun warm: handed to `server.py`, which has their libraries loaded and forks for each.

Importing torch and diffusers takes longer than all that most tests do with them. Python runs this module at its start
in every process of the tests (`tests/conftest.py` puts it on the path); it takes over those begun as `python -m train`
and lets all others be. What takes over stands for the program: it hands on signals and ends as the program ended, and
the program is killed where it is killed. A test's own script (`FRIEZE_PLANTED`) runs first, in the program's process.

No process of the tests waits until a disk has what was written: no test cuts the power.
"""

from __future__ import annotations

import os
import sys


def _hand_over(at: str, module: str, arguments: list[str]) -> None:
    """Comes back where the program has to begin by itself: nobody answers, or its settings are not the server's."""
    import json
    import signal
    import socket

    server = socket.socket(socket.AF_UNIX)
    asked = {
        "module": module,
        "arguments": arguments,
        "folder": os.path.realpath("."),
        "environment": dict(os.environ),
    }
    try:
        server.connect(at)
        socket.send_fds(server, [b"\n"], [0, 1, 2])
        server.sendall(json.dumps(asked).encode() + b"\n")
        answers = server.makefile("r")
        pid = int(answers.readline() or 0)
    except (OSError, ValueError):  # ValueError: what cannot be told in JSON
        return
    if not pid:
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    code = int(answers.readline() or 1)
    if code < 0:
        if -code in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if "FRIEZE_WARM" in os.environ:
    os.fsync = lambda fd: None

_words = [word for word in sys.orig_argv[1:] if word != "-u"]  # as torchrun begins them
if "FRIEZE_WARM" in os.environ and _words[:1] == ["-m"]:
    _module, *_arguments = _words[1:]
    if _module.partition(".")[0] == "train":
        _hand_over(os.environ["FRIEZE_WARM"], _module, _arguments)
        if "FRIEZE_PLANTED" in os.environ:
            import runpy

            sys.path.insert(0, os.path.realpath("."))  # as it will be: the program is begun as a module
            runpy.run_path(os.environ["FRIEZE_PLANTED"])
