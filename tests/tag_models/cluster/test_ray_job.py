"""A job on a Ray cluster of two workers on this machine; one start of Ray for all of it (B24)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the cluster extra is not installed: pip install 'frieze[cluster]'")
from curator.contract.run.events import ImageQuarantined, RequestTaken, RunFailed, RunStarted
from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.job import read_images
from tests.tag_models.cluster.test_stages import rows, task_of, through
from tests.tag_models.conftest import MakeJob, events_of, work

LIMIT_S = 300


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two machines of one core."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    made = Cluster(True, connect=False, head_node_args={**small, "include_dashboard": False})
    made.add_node(**small)
    yield made.address
    made.shutdown()


def actor() -> int | None:
    """The process id of a worker that holds a model, once there is one."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"(Asking)" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    return None


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost_or_doubled(
    make_job: MakeJob, cluster: str
) -> None:
    """What was answered before is not asked again."""
    job = make_job(60, bad=40, cluster=cluster)
    through(task_of(job), list(read_images(job))[:10])
    process = subprocess.Popen([sys.executable, "-m", "tag_models", str(job)])
    wait_for(lambda: actor() or process.poll() is not None)
    victim = actor()
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    assert process.wait(LIMIT_S) == 0
    assert sorted(rows(job)) == [number for number in range(60) if number != 40]
    (started,) = [event for event in events_of(job) if isinstance(event, RunStarted)]
    assert (started.step, started.total_steps, started.device, started.processes) == (10, 60, "cpu", 2)
    assert [Path(e.path).name for e in events_of(job) if isinstance(e, ImageQuarantined)] == ["40.png"]
    assert RunFolder(job).status() == "finished"


def test_a_stop_is_heard_and_what_is_written_is_kept(make_job: MakeJob, cluster: str) -> None:
    job = make_job(30, cluster=cluster)
    process = subprocess.Popen([sys.executable, "-m", "tag_models", str(job)])
    wait_for(lambda: (job / "events.jsonl").exists() and events_of(job))
    RunFolder(job).request("stop")
    assert process.wait(LIMIT_S) == 4
    assert any(isinstance(event, RequestTaken) for event in events_of(job))
    assert RunFolder(job).status() == "stopped"


def test_a_cluster_that_is_not_there_fails_the_job_with_a_sentence(make_job: MakeJob) -> None:
    job = make_job(1, cluster="127.0.0.1:9")
    assert work(job).returncode == 3
    (failed,) = [event for event in events_of(job) if isinstance(event, RunFailed)]
    assert failed.what.startswith("no Ray cluster answers at 127.0.0.1:9: ")


def test_a_gpu_that_the_cluster_has_not_is_refused(make_job: MakeJob, cluster: str) -> None:
    job = make_job(1, cluster=cluster, device="cuda")
    assert work(job).returncode == 3
    (failed,) = [event for event in events_of(job) if isinstance(event, RunFailed)]
    assert failed.what == f"the cluster at {cluster} has no GPU"
