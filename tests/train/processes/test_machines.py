"""Two machines on one, through Slurm's script: they meet, train, are preempted, and go on (S058, S079, B11, B24)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from curator.contract.run.event_log import read_events
from curator.contract.run.events import RequestTaken, RunStarted, StepDone, Warned
from curator.runs.machines import slurm_script

LIMIT_S = 400.0
_TOOLS = {
    "scontrol": '#!/bin/sh\nif [ "$1" = show ]; then echo localhost; else echo "$@" >> "$QUEUE"; fi\n',
    # As many tasks as there are nodes, each a machine of its own.
    "srun": '#!/bin/bash\nshift\n"$@" & "$@" &\nwait -n; first=$?\nwait -n; second=$?\nexit $((first + second))\n',
}


def test_a_job_of_two_nodes_is_preempted_and_goes_on(make_run, work, events_of, tmp_path: Path) -> None:
    sets = ("length.steps=40", "optimizer.epsilon=1e-4", "adapter.rank=1")
    whole, run = make_run(*sets, name="whole"), make_run(*sets, "save.publish=me/wide", name="wide")
    assert work(whole) == 0
    tools, queue, script = tmp_path / "tools", tmp_path / "queue", tmp_path / "job.sbatch"
    tools.mkdir()
    for name, text in _TOOLS.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    script.write_text(slurm_script(run, 2, 1, [], uploads=True))
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(
            filter(None, [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[3])])
        ),
        "QUEUE": str(queue),
        "HF_HUB_OFFLINE": "1",
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "localhost",
    }

    def steps() -> list[int]:
        return [event.step for event in events_of(run) if isinstance(event, StepDone)]

    job = subprocess.Popen(
        ["bash", str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + LIMIT_S
    while not steps():
        assert job.poll() is None, job.communicate()[0].decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR1)
    said = job.communicate(timeout=LIMIT_S)[0].decode()
    assert queue.read_text() == f"requeue {os.getpid()}\n", said
    assert run.status() == "stopped"
    stopped_at = steps()[-1]
    assert stopped_at < 40
    assert [event.action for event in events_of(run) if isinstance(event, RequestTaken)] == ["stop"]

    again = subprocess.run(
        ["bash", str(script)], env={**environment, "SLURM_RESTART_COUNT": "1"}, capture_output=True
    )
    assert again.returncode == 0, again.stderr.decode()
    assert run.status() == "finished"
    assert steps() == list(range(1, 41))
    starts = [event for event in events_of(run) if isinstance(event, RunStarted)]
    assert [(start.step, start.processes) for start in starts] == [(0, 2), (stopped_at, 2)]
    one, two = (load_file(each.output_dir / f"{each.info().name}.safetensors") for each in (whole, run))
    assert all(torch.allclose(one[name], two[name], atol=1e-3) for name in one)
    assert len(queue.read_text().splitlines()) == 1
    tried = read_events(run.path / "publish" / "me--wide@main" / "events.jsonl").events
    told = [event.what for event in tried if isinstance(event, Warned)]
    assert told  # by whom the job left behind, which tries twice, and of the second life alone
    assert all(what.startswith("output/wide.safetensors was not uploaded: HF_HUB_OFFLINE") for what in told)
