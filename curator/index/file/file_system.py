"""File systems an index may live on: a write-ahead log needs memory shared by all who open the file."""

from __future__ import annotations

import os
from pathlib import Path

from curator.contract.errors import UserError

MOUNTS = Path("/proc/self/mounts")
_NETWORK = (
    "9p", "afs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
    "smb3", "smbfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.davfs2", "fuse.rclone", "fuse.s3fs",
)  # fmt: skip


def refuse_network(folder: Path, mounts: Path = MOUNTS) -> None:
    """A UserError where two machines could open an index in `folder` at once, and tear it."""
    kind = kind_of(folder, mounts)
    if kind in _NETWORK:
        raise UserError(
            f"{folder} is on a network file system ({kind}), which cannot hold an index",
            "keep the collection in a folder of a local disk; the images themselves may stay where they are",
        )


def kind_of(folder: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system a folder is on; empty where that cannot be known."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return ""
    where = os.path.realpath(folder)
    best, kind = "", ""
    for line in lines:
        fields = line.split(b" ")
        if len(fields) < 3:
            continue
        point = os.fsdecode(_unescaped(fields[1]))
        above = where == point or where.startswith(point.rstrip("/") + "/")
        if above and len(point) >= len(best):  # a later mount on the same point hides the earlier
            best, kind = point, fields[2].decode("ascii", "replace")
    return kind


def _unescaped(field: bytes) -> bytes:
    """The kernel writes spaces, tabs, line breaks and backslashes in octal."""
    for octal, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(octal, char)
    return field
