"""Runs with caches in memory, on disk and off: the same bits, and nothing is encoded twice (S038-S040, B05)."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curator.contract.caption.captions import CaptionRules
from curator.contract.run.events import StepDone
from train.cache import disk_writer

SETS = ("length.steps=5", "optimizer.text_lr=0.0")
FIXED = CaptionRules()
ROOT = Path(__file__).parents[3]
TORCHRUN = [
    sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "train",
]  # fmt: skip


@pytest.mark.parametrize("vae", ["fp32", "bf16", "fp16"])
def test_memory_disk_and_off_give_the_same_bits(make_run, work, came_to, encoded, frozen, vae) -> None:
    """With masks, cuts and evaluations; from the second start on nothing is encoded."""
    data = frozen(clear=(0, 2), mask="alpha", held_out=(4,))
    sets = (*SETS, f"precision.vae={vae}", "evaluate.images=2")
    found, counts = [], []
    for name, cache in (("off", "off"), ("memory", "memory"), ("disk", "disk"), ("again", "disk")):
        run = make_run(*sets, f"cache.latents={cache}", frozen=data, name=name)
        encoded.taken()
        assert work(run) == 0
        found.append(came_to(run))
        counts.append(encoded.taken()[0])
    assert found[0] == found[1] == found[2] == found[3]
    assert min(counts[:3]) > 0
    assert counts[3] == 0


def test_rounded_to_half_the_same_bits_everywhere_and_half_the_size(
    make_run, work, came_to, caches, frozen
) -> None:
    found, sizes = [], []
    for dtype in ("exact", "fp16"):
        for cache in ("off", "memory", "disk"):
            run = make_run(*SETS, f"cache.latents={cache}", f"cache.dtype={dtype}", name=f"{dtype}-{cache}")
            assert work(run) == 0
            found.append(came_to(run))
        sizes.append(sum(path.stat().st_size for path in caches(run).rglob("*.data")))
        shutil.rmtree(caches(run))
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4] == found[5] != found[0]
    assert sizes[1] < 0.6 * sizes[0]


def test_another_cut_each_time_is_never_stored(make_run, work, came_to, encoded, caches, frozen) -> None:
    data = frozen(sizes=((120, 60), (64, 64), (131, 65)), crop="random", flip=False)
    found = []
    for name, cache in (("off", "off"), ("disk", "disk"), ("again", "disk")):
        run = make_run(*SETS, f"cache.latents={cache}", frozen=data, name=name)
        assert work(run) == 0
        found.append(came_to(run))
    assert found[0] == found[1] == found[2]
    assert sum(path.stat().st_size for path in caches(run).rglob("*.index")) == 56


def test_captions_on_disk_are_read_once_ever(make_run, work, came_to, encoded, frozen) -> None:
    """B05: fixed captions are read by the first run alone."""
    data = frozen(rules=FIXED, held_out=(4,))
    found = []
    for name, cache in (("memory", "memory"), ("disk", "disk"), ("again", "disk")):
        run = make_run(*SETS, f"cache.captions={cache}", frozen=data, name=name)
        encoded.taken()
        assert work(run) == 0
        found.append((came_to(run), encoded.taken()[1]))
    assert found[0][0] == found[1][0] == found[2][0]
    assert found[0][1] == found[1][1] > 0
    assert found[2][1] == 0


@pytest.mark.parametrize(
    "rules",
    [
        CaptionRules(shuffle=True),
        CaptionRules(tag_dropout=0.5),
        CaptionRules(caption_dropout=0.5),
        CaptionRules(warmup_steps=20),
    ],
    ids=["shuffle", "tag dropout", "caption dropout", "warm-up"],
)
def test_captions_by_chance_are_trained_as_ever_and_fill_no_disk(
    make_run, work, came_to, caches, frozen, rules
) -> None:
    """B05: what will not come again is encoded as it comes; what does is stored."""
    found = []
    sets = (*SETS, "evaluate.validation_images=0", "length.steps=12")
    for name, cache in (("memory", "memory"), ("disk", "disk"), ("again", "disk")):
        run = make_run(*sets, f"cache.captions={cache}", frozen=frozen(rules=rules), name=name)
        assert work(run) == 0
        found.append(came_to(run))
    assert found[0] == found[1] == found[2]
    stored = sum(path.stat().st_size for path in caches(run).glob("captions-*/*.index")) // 56
    assert stored <= 9 + 1


def test_a_killed_start_is_gone_on_with(
    make_run, work, came_to, encoded, start_worker, caches, frozen
) -> None:
    """S040: what was encoded before a SIGKILL is not encoded again."""
    data = frozen(sizes=((64, 64), (96, 64)) * 40)
    plain = make_run(*SETS, "cache.latents=off", frozen=data, name="plain")
    assert work(plain) == 0
    run = make_run(*SETS, "cache.latents=disk", frozen=data, name="killed")
    worker, limit = start_worker(run), time.monotonic() + 300
    while not any(path.stat().st_size for path in caches(run).rglob("*.index")):
        assert worker.poll() is None
        assert time.monotonic() < limit
    os.kill(run.worker_pid() or worker.pid, signal.SIGKILL)
    worker.wait()
    stored = sum(path.stat().st_size for path in caches(run).rglob("*.index")) // 56
    encoded.taken()
    assert work(run) == 0
    assert encoded.taken()[0] == 160 - stored
    assert came_to(run) == came_to(plain)


def test_a_stopped_run_resumes_from_the_disk(make_run, work, came_to, encoded, kill_after, events_of) -> None:
    sets = (*SETS, "length.steps=8", "save.state_every_steps=2")
    plain = make_run(*sets, "cache.latents=off", name="plain")
    assert work(plain) == 0
    run = make_run(*sets, "cache.latents=disk", "cache.captions=disk", name="killed")
    kill_after(run, 3)
    encoded.taken()
    assert work(run) == 0
    assert encoded.taken()[0] == 0
    losses = {event.step: event.loss for event in events_of(run) if isinstance(event, StepDone)}
    assert list(losses.values()) == came_to(plain)[0]
    assert came_to(run)[1] == came_to(plain)[1]


def test_a_damaged_entry_is_encoded_anew_and_told(make_run, work, came_to, caches, told) -> None:
    """Never trained from, whatever byte it is."""
    first = make_run(*SETS, "cache.latents=disk", "cache.captions=disk", name="first")
    assert work(first) == 0
    for path in caches(first).rglob("*.data"):
        data = bytearray(path.read_bytes())
        for at in range(0, len(data), 100):
            data[at] ^= 0xFF
        path.write_bytes(data)
    again = make_run(*SETS, "cache.latents=disk", "cache.captions=disk", name="again")
    assert work(again) == 0
    assert came_to(again) == came_to(first)
    assert any("is damaged" in what for what in told(again))
    assert not any("is damaged" in what for what in told(first))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("full", "No space left"),
        ("nearly full", "nearly full"),
        ("bounded", "cache.disk_gib"),
        ("no folder", "there can be no cache"),
    ],
)
def test_what_cannot_be_stored_ends_nothing(
    make_run, work, came_to, told, monkeypatch, tmp_path, how, says
) -> None:
    """The cache stops growing, which is told once for each kind, and what it lacks is encoded as it comes."""
    plain = make_run(*SETS, "cache.latents=off", name="plain")
    assert work(plain) == 0
    sets = ["cache.latents=disk", "cache.captions=disk"]
    if how == "full":
        really = os.pwrite

        def no_space(file: int, data: bytes, at: int) -> int:
            if (
                Path(f"/proc/self/fd/{file}").readlink().name == "run.lock"
            ):  # what a run holds back of the disk
                return really(file, data, at)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "pwrite", no_space)
    elif how == "nearly full":
        monkeypatch.setattr(disk_writer, "_free_bytes", lambda _: 1 << 30)
    elif how == "bounded":
        monkeypatch.setattr(disk_writer, "bytes_in", lambda _: 1 << 30)
        sets.append("cache.disk_gib=1")
    else:
        (tmp_path / "file").write_text("")
        sets.append(f"cache.folder={tmp_path / 'file'}")
    run = make_run(*SETS, *sets, name="run")
    assert work(run) == 0
    assert came_to(run) == came_to(plain)
    said = [what for what in told(run) if "cache" in what]
    assert len(said) == 2
    assert all(says in what for what in said)


def test_two_processes_fill_one_cache_and_find_it(make_run, came_to, caches, encoded, work, frozen) -> None:
    """S040: each encodes its part, once; what they leave is all that one process needs, and the next two as well."""
    data = frozen(broken=(3,), clear=(0,), mask="alpha")
    sets = (*SETS, "evaluate.images=2", "batch.leftovers=carry", "cache.latents=disk")
    stored, found = [], []
    for name in ("two", "again"):
        run = make_run(*sets, "batch.size=2", frozen=data, name=name)  # shared by both
        done = subprocess.run(
            [*TORCHRUN, str(run.path)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.append(came_to(run))
        stored.append(sum(path.stat().st_size for path in caches(run).rglob("*.index")) // 56)
    assert found[0] == found[1]
    assert stored == [16, 16]
    alone = make_run(*sets, "batch.size=2", frozen=data, name="alone")
    encoded.taken()
    assert work(alone) == 0
    assert encoded.taken()[0] == 2  # the image that cannot be decoded, as it is and mirrored
    assert came_to(alone)[0] == pytest.approx(found[0][0], rel=1e-4)
