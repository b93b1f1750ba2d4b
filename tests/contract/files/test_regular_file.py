"""Regular files are read whole; what could hang or never end is an error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from curator.contract.files.regular_file import open_regular, read_regular


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", limit_bytes=5) == b"12345"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (os.mkfifo, errno.EINVAL),
        (os.mkdir, errno.EISDIR),
        (lambda path: path.symlink_to("/dev/zero"), errno.EINVAL),
        (lambda path: path.write_bytes(b"123456"), errno.EFBIG),
    ],
    ids=["fifo", "folder", "endless device", "too long"],
)
def test_what_is_no_file_or_too_long_is_an_error(tmp_path: Path, make, code: int) -> None:
    make(tmp_path / "a")
    with pytest.raises(OSError) as caught:
        read_regular(tmp_path / "a", limit_bytes=5)
    assert caught.value.errno == code


def test_nothing_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    with pytest.raises(OSError):
        open_regular(tmp_path / "a")
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
