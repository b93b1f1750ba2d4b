"""Decoding of images in processes: framed pixels arrive in shared memory, bad images by name.

A decoder that crashes costs the image it was at and is started again; images come back in any order.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import multiprocessing
import struct
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from curator.contract.files.picture_file import read_picture
from curator.contract.files.picture_limits import MAX_PIXELS, MAX_PNG_TEXT_BYTES, MAX_PNG_TEXTS_BYTES
from curator.contract.flatten import upright
from curator.contract.tagging.job import ImageEntry
from curator.contract.text import visible
from tag_models.pixels import Pixels

Frame = Callable[[Image.Image], Pixels]
_DECODE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    MemoryError,
)
_AHEAD = 2  # images a decoder has been told of: it never waits for the next one

Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PNG_TEXT_BYTES
PngImagePlugin.MAX_TEXT_MEMORY = MAX_PNG_TEXTS_BYTES


class Decoded(NamedTuple):
    """An image's pixels in `slot` of the pool's memory and its own size, or the reason why there are none."""

    image: ImageEntry
    slot: int
    size: tuple[int, int]
    problem: str | None


@dataclass
class _Decoder:
    """A process, the images it was told of with their slots, and its pipe."""

    process: SpawnProcess
    pipe: Any  # multiprocessing's Connection
    told: deque[tuple[ImageEntry, int]] = field(default_factory=deque[tuple[ImageEntry, int]])


class DecodePool:
    """`processes` decoders that fill `slots` images of [side, side, 3] bytes; a context manager."""

    def __init__(self, frame: Frame, side: int, processes: int, slots: int) -> None:
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._frame = frame
        self._memory = self._context.RawArray(ctypes.c_uint8, slots * side * side * 3)
        self._shape = (slots, side, side, 3)
        self.pixels: Pixels = np.frombuffer(memoryview(self._memory), np.uint8).reshape(self._shape)
        self._free = deque(range(slots))
        self._decoders = [self._started() for _ in range(processes)]

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._decoders:
            each.pipe.close()
            each.process.terminate()
        for each in self._decoders:
            each.process.join()

    def decoded(self, images: Iterable[ImageEntry]) -> Iterator[Decoded]:
        """All of `images` as they get ready. A slot is filled again once it was given to `release`."""
        waiting = iter(images)
        ended = False
        while True:
            while not ended and self._free and (decoder := self._idle()):
                image = next(waiting, None)
                if image is None:
                    ended = True
                    break
                self._tell(decoder, image, self._free.popleft())
            busy = [each for each in self._decoders if each.told]
            if not busy and ended:
                return
            ready = wait([each.pipe for each in busy])
            for each in [decoder for decoder in busy if decoder.pipe in ready]:
                yield self._next_of(each)

    def release(self, slots: Iterable[int]) -> None:
        """These slots were read: others may be put there."""
        self._free.extend(slots)

    def _idle(self) -> _Decoder | None:
        decoder = min(self._decoders, key=lambda each: len(each.told))
        return decoder if len(decoder.told) < _AHEAD else None

    def _tell(self, decoder: _Decoder, image: ImageEntry, slot: int) -> None:
        decoder.told.append((image, slot))
        with contextlib.suppress(OSError):  # it is dead, which the next look finds
            decoder.pipe.send((image, slot))

    def _next_of(self, decoder: _Decoder) -> Decoded:
        try:
            size, problem = decoder.pipe.recv()
        except (EOFError, OSError):
            return self._replace(decoder)
        image, slot = decoder.told.popleft()
        return Decoded(image, slot, size, problem)

    def _replace(self, decoder: _Decoder) -> Decoded:
        """A dead decoder's image is bad; what it was told of besides goes to the one in its place."""
        decoder.process.join()
        decoder.pipe.close()
        image, slot = decoder.told.popleft()
        fresh = self._started()
        self._decoders[self._decoders.index(decoder)] = fresh
        for each, place in decoder.told:
            self._tell(fresh, each, place)
        return Decoded(image, slot, (0, 0), f"its decoder crashed ({decoder.process.exitcode})")

    def _started(self) -> _Decoder:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_decode_all, args=(theirs, self._memory, self._shape, self._frame), daemon=True
        )
        process.start()
        theirs.close()
        return _Decoder(process, ours)


def _decode_all(pipe: Any, memory: Any, shape: tuple[int, ...], frame: Frame) -> None:
    """The life of a decoder."""
    warnings.simplefilter("ignore")
    pixels = np.frombuffer(memory, np.uint8).reshape(shape)
    while True:
        try:
            image, slot = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        size, problem = (0, 0), None
        try:
            pixels[slot], size = decode(image, frame)
        except UnidentifiedImageError:
            problem = "not an image, or a broken one"
        except _DECODE_ERRORS as error:
            problem = visible(getattr(error, "strerror", None) or str(error) or type(error).__name__)
        try:
            pipe.send((size, problem))
        except OSError:
            return


def decode(image: ImageEntry, frame: Frame) -> tuple[Pixels, tuple[int, int]]:
    """The framed pixels of an image and its own size; its bytes are what they were when it was indexed.

    Raises:
        ValueError: its bytes changed.
    """
    data = read_picture(image.path)
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise ValueError("the file has changed: scan it again")
    with Image.open(io.BytesIO(data)) as opened:
        turned = upright(opened)
        return frame(turned), turned.size
