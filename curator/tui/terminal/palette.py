"""The 256 colours of terminals that have no more: which of them the eye takes for a colour.

Near is meant in OKLab (Ottosson 2020). By red, green and blue skin would become pink, and orange brown.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEVELS = (0, 95, 135, 175, 215, 255)


@lru_cache(1)
def _palette() -> NDArray[np.uint8]:
    """The cube and the greys, which no theme changes, as red, green and blue."""
    import numpy as np

    cube = [(red, green, blue) for red in _LEVELS for green in _LEVELS for blue in _LEVELS]
    return np.array(cube + [(grey, grey, grey) for grey in range(8, 239, 10)], np.uint8)


def nearest(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """For each colour (n, 3) the one of the palette that is nearest."""
    import numpy as np

    each, back = np.unique(colours, axis=0, return_inverse=True)
    far = ((_oklab(each)[:, None] - _oklab(_palette())) ** 2).sum(-1)
    return _palette()[far.argmin(1)][back.reshape(-1)]


def _oklab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    import numpy as np

    part = colours.astype(np.float32) / 255
    linear = np.where(part > 0.04045, ((part + 0.055) / 1.055) ** 2.4, part / 12.92)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ],
        np.float32,
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ],
        np.float32,
    )
    seen: NDArray[np.float32] = np.cbrt(linear @ cones.T) @ lab.T
    return seen
