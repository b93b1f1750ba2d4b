"""A Ray cluster as a job sees it: its address, where its machines find folders of ours, and the parts they write.

A part is a Parquet file: a row an image with `number` (its line in `images.jsonl`), `sha256` (32 bytes), `labels` and
`values` (lists of u32 and float32, the model's own), and `text` (null but for captioners). Its schema's metadata holds
the identity of the model under `MODEL_KEY`, its pages checksums.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import PurePath

from curator.contract.errors import UserError

PARQUET = ".parquet"
MODEL_KEY = b"frieze.model"
ANSWER_COLUMNS = ("number", "sha256", "labels", "values", "text")
_CONNECT_S = 10.0
_MOST_PORT = 65535


def checked_address(address: str) -> tuple[str, int]:
    """The host and the port of an address such as `10.0.0.1:6379`, or `[fd00::1]:6379`.

    Raises:
        UserError: it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) <= _MOST_PORT:
        raise UserError(
            f"'{address}' is no address of a Ray cluster",
            "give HOST:PORT, as 'ray start --head' printed it, and start the job on a machine of the cluster",
        )
    return host.strip("[]"), int(port)


def refuse_unreachable(address: str) -> None:
    """Raise `UserError` where nobody answers at `address` within 10 seconds."""
    try:
        socket.create_connection(checked_address(address), _CONNECT_S).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at {address}: {error.strerror or 'no answer in time'}",
            "start one with 'ray start --head', or give the address that 'ray status' knows",
        ) from error


def path_there(path: str, paths: Mapping[str, str]) -> str:
    """Where the machines of a cluster find `path`, by the longest folder of `paths` that it lies in."""
    place = PurePath(path)
    for here in sorted(paths, key=len, reverse=True):
        if place.is_relative_to(here):
            return str(PurePath(paths[here], place.relative_to(here)))
    return path
