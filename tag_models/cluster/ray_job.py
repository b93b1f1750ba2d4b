"""A job as a Ray Data pipeline: images decoded by tasks, answered by actors that hold the model, kept as Parquet parts.

Ray places the work, feeds it and does it again where a machine died; what is done is in `stages`. Where the job ends,
by its own process's death too, Ray ends all that works for it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curator.contract.errors import UserError
from curator.contract.tagging.cluster import refuse_unreachable
from tag_models.cluster.stages import Asking, FirstLook, Task, decoded, first_look, kept

if TYPE_CHECKING:
    from curator.contract.tagging.job import ImageEntry, TaggingJob

_CONNECT_S = 60.0
_LOOK_S = 0.2
_AT_ONCE = {"cpu": 8, "cuda": 64}  # images an actor is asked at a time
_BLOCK_IMAGES = 64
_LEAST_PART, _MOST_PART = 32, 1024
_TRIES = 4
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Told:
    """News of a part: how many images it answers, which cannot be used (path and why), warnings with their hints."""

    done: int
    bad: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[str, str], ...]


class RayJob:
    """A job on the cluster that it names; a context manager that is connected while it is open."""

    def __init__(self, job: TaggingJob, folder: Path, identity: str) -> None:
        self._task = Task.of(job, folder.absolute(), identity)
        self._ray: Any = None
        self.workers = 1

    def __enter__(self) -> RayJob:
        """Connect.

        Raises:
            UserError: ray is not installed, no cluster answers in time, or it has no GPU where one is asked for.
        """
        address = self._task.job.cluster
        try:
            import ray  # noqa: PLC0415
            import ray.data  # noqa: PLC0415
        except ImportError as error:
            raise UserError(
                f"a cluster needs ray, which is not installed ({error})", "pip install 'frieze[tag,cluster]'"
            ) from None
        refuse_unreachable(address)
        self._ray = ray
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        _within(_CONNECT_S, lambda: self._connect(address), address)
        resources: dict[str, float] = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if self._task.job.device != "cpu" else 0
        if self._task.job.device == "cuda" and not gpus:
            self._ray.shutdown()
            raise UserError(
                f"the cluster at {address} has no GPU", "use --device auto, or add a machine with one"
            )
        self.workers = gpus or sum(node["Alive"] for node in ray.nodes())
        cores = min(int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"])
        # What is not the model's is left to decoding and writing, or a cluster of small machines would wait for itself.
        self._of_decoders = 1.0 if cores > 1 else 0.5
        spared = max(1, cores // 4)
        self._of_model = {"num_gpus": 1, "num_cpus": 1} if gpus else {"num_cpus": max(cores - spared, 0.5)}
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def _connect(self, address: str) -> None:
        self._ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)

    def first_look(self, stopped: Stopped) -> FirstLook | None:
        """What every machine has to know of the model; None where somebody asked for a stop meanwhile.

        Raises:
            UserError: a machine of the cluster cannot use the model.
        """
        asked = self._ray.remote(first_look).options(max_retries=_TRIES, **self._of_model).remote(self._task)
        while not self._ray.wait([asked], timeout=_LOOK_S)[0]:
            if stopped():
                return None
        try:
            first: FirstLook = self._ray.get(asked)
        except Exception as error:
            raise _broke(error) from error
        if first.mistake:
            raise UserError(*first.mistake)
        return first

    def told(self, first: FirstLook, images: Sequence[ImageEntry], stopped: Stopped) -> Iterator[Told]:
        """Answer `images` and tell of every part that is written, until all are or somebody asks for a stop.

        Raises:
            UserError: the model cannot be used, answers cannot be written, or the cluster gave up.
        """
        if not images:
            return
        news: queue.Queue[str | BaseException | None] = queue.Queue()
        rows = self._answers(first, images).iter_rows()
        threading.Thread(target=_listen, args=(rows, news), daemon=True).start()
        while not stopped():
            with contextlib.suppress(queue.Empty):
                said = news.get(timeout=_LOOK_S)
                if said is None:
                    return
                yield _told(said)

    def _answers(self, first: FirstLook, images: Sequence[ImageEntry]) -> Any:
        """The pipeline: a dataset of one row a part, which says what came of it."""
        assert first.loaded is not None
        data = self._ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        task = Task(self._task.job, self._task.folder, self._task.identity, first.loaded.device)
        batch = first.batch_size or task.job.batch_size or _AT_ONCE.get(first.loaded.device, _AT_ONCE["cpu"])
        part = min(max(len(images) // _BLOCK_IMAGES, _LEAST_PART), _MOST_PART)
        block = min(_BLOCK_IMAGES, max(1, len(images) // (4 * self.workers)))
        return (
            data.from_arrow([_table(images[at : at + block]) for at in range(0, len(images), block)])
            .map_batches(
                decoded,
                batch_size=None,
                batch_format="pyarrow",
                fn_kwargs={"frame": first.frame, "side": first.side, "paths": task.job.paths},
                num_cpus=self._of_decoders,
            )
            .map_batches(
                Asking,
                batch_size=max(batch, _AT_ONCE["cpu"]),
                batch_format="pyarrow",
                fn_constructor_args=(task, batch),
                compute=data.ActorPoolStrategy(min_size=1, max_size=self.workers),
                **self._of_model,
            )
            .map_batches(
                kept,
                batch_size=part,
                batch_format="pyarrow",
                fn_kwargs={"task": task},
                num_cpus=self._of_decoders,
            )
        )


def _listen(rows: Iterable[dict[str, Any]], news: queue.Queue[str | BaseException | None]) -> None:
    """Wait for Ray in a thread of its own: it may take minutes from one part to the next, a stop is heard at once."""
    try:
        for row in rows:
            news.put(row["told"])
    except BaseException as error:  # noqa: BLE001 (raised again by who reads the news)
        news.put(error)
    else:
        news.put(None)


def _told(said: str | BaseException) -> Told:
    if isinstance(said, BaseException):
        raise _broke(said) from said
    about: dict[str, Any] = json.loads(said)
    if "failure" in about:
        raise UserError(*about["failure"])
    return Told(about["done"], tuple(map(tuple, about["bad"])), tuple(map(tuple, about["warnings"])))


def _table(images: Sequence[ImageEntry]) -> Any:
    return pa.table(
        {
            "number": pa.array([each.number for each in images], pa.uint32()),
            "sha256": [each.sha256 for each in images],
            "path": [os.fsencode(each.path) for each in images],
        }
    )


def _within(seconds: float, act: Callable[[], None], address: str) -> None:
    """Do it in a thread, which also keeps Ray's hands off our signals; `UserError` where it fails or takes longer."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 (told below)
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    end = time.monotonic() + seconds
    while thread.is_alive() and time.monotonic() < end:
        thread.join(_LOOK_S)
    if failed or thread.is_alive():
        why = (
            (str(failed[0]).strip().splitlines() or [""])[0][:200]
            if failed
            else f"no answer in {seconds:.0f} s"
        )
        raise UserError(
            f"the Ray cluster at {address} cannot be joined: {why}",
            f"start the job on one of its machines: 'ray start --address={address}' makes this one of them",
        )


def _broke(error: BaseException) -> UserError:
    """What Ray gave up on; its last line names the reason, the lines before where it was."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(
        f"the cluster gave up: {lines[-1].strip()[:300]}",
        "install the same frieze[tag,cluster] on all its machines; what was answered is kept: resume the job",
    )
