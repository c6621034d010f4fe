"""Owns pictures of small grey images, such as handwritten digits: half blocks, shades, braille or ASCII."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

from sagewizard.errors import DataError
from sagewizard.render.cells import beside, clean, fit, pad
from sagewizard.render.ink import RESET, Ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

Mode = Literal["auto", "half", "shade", "ascii", "braille"]

_SHADES: Final = " ░▒▓█"
_RAMP: Final = " .:-=+*#%@"
_ROOMY: Final = 16
"""Pixels across below which an image is doubled: scikit-learn's digits are 8x8, four lines of text."""

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot of a braille character (U+2800), by row and column."""


def digit(
    image: ArrayLike,
    *,
    ink: Ink | None = None,
    mode: Mode = "auto",
    low: float = 0.0,
    high: float | None = None,
    scale: int | None = None,
) -> list[str]:
    """Return the lines of one grey image of shape (height, width) or of a flat square one.

    28x28 pixels take 28x14 cells, 14x7 in braille. `low` is drawn black and `high` (default: the largest
    value) white. `auto` draws half blocks in 256 or more colours, shades without, ASCII where the stream
    takes nothing else. Images under 16 pixels across are doubled unless `scale` says how often each pixel
    repeats. Raises `DataError` for another shape or values that are not finite.
    """
    ink = ink or Ink()
    pixels = _pixels(image, low, high)
    if mode == "auto":
        mode = "half" if ink.color in ("true", "256") else "shade"
    if not ink.unicode:
        mode = "ascii"
    if mode == "half" and ink.color not in ("true", "256"):
        mode = "shade"
    times = scale if scale is not None else max(1, _ROOMY // pixels.shape[1] if mode != "braille" else 1)
    if times > 1:
        pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    if mode == "braille":
        return _braille(pixels)
    if pixels.shape[0] % 2:
        import numpy as np

        pixels = np.vstack([pixels, np.zeros((1, pixels.shape[1]))])
    if mode == "half":
        return _half_blocks(pixels, ink)
    ramp = _SHADES if mode == "shade" else _RAMP
    pairs = (pixels[0::2] + pixels[1::2]) / 2
    steps = (pairs * (len(ramp) - 1) + 0.5).astype(int)
    return ["".join(ramp[step] for step in row).rstrip(" ") for row in steps]


def digits(
    images: Sequence[ArrayLike],
    labels: Sequence[object] = (),
    *,
    ink: Ink | None = None,
    mode: Mode = "auto",
    low: float = 0.0,
    high: float | None = None,
    gap: int = 2,
) -> str:
    """Return several images side by side, each under its label, in as many rows as the width needs."""
    import numpy as np

    ink = ink or Ink()
    arrays = [np.asarray(image, dtype=np.float64) for image in images]
    if not arrays:
        return ""
    if high is None:
        # One white for all, so that a faint digit looks faint beside the others.
        high = max((float(a.max()) for a in arrays if a.size), default=1.0)
    blocks = []
    for i, array in enumerate(arrays):
        lines = digit(array, ink=ink, mode=mode, low=low, high=high)
        width = _cells_across(array, ink, mode)
        if i < len(labels):
            lines = [fit(clean(labels[i]), width, "centre", unicode=ink.unicode), *lines]
        blocks.append((width, lines))
    out: list[str] = []
    row: list[list[str]] = []
    used = 0
    for width, lines in blocks:
        if row and used + gap + width > ink.width:
            out += [*beside(row, gap), ""]
            row, used = [], 0
        # The first line is padded, so that a narrow image still takes the width of its neighbours.
        row.append([pad(lines[0], width), *lines[1:]])
        used += (gap if used else 0) + width
    return "\n".join(out + beside(row, gap))


def _cells_across(array: NDArray[Any], ink: Ink, mode: Mode) -> int:
    across = array.shape[1] if array.ndim == 2 else math.isqrt(array.size)
    if mode == "braille" and ink.unicode:
        return (across + 1) // 2
    return across * max(1, _ROOMY // max(across, 1))


def _pixels(image: ArrayLike, low: float, high: float | None) -> NDArray[Any]:
    import numpy as np

    array = np.asarray(image, dtype=np.float64)
    if array.ndim == 1:
        side = math.isqrt(array.size)
        if side * side != array.size:
            raise DataError(
                f"{array.size} values are no square image", remedy="Pass the image as (height, width)."
            )
        array = array.reshape(side, side)
    if array.ndim != 2 or not array.size:
        raise DataError(f"The shape {array.shape} is no grey image", remedy="Pass (height, width).")
    if not np.isfinite(array).all():
        row, column = (int(v) + 1 for v in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            "The image holds a value that is not finite", row=row, column=column, remedy="Clean it."
        )
    top = float(array.max()) if high is None else high
    if top <= low:
        return np.zeros_like(array)
    scaled: NDArray[Any] = np.clip((array - low) / (top - low), 0.0, 1.0)
    return scaled


def _half_blocks(pixels: NDArray[Any], ink: Ink) -> list[str]:
    """Draw two pixels a cell, the upper in the foreground colour and the lower in the background's."""
    lines = []
    for upper, lower in zip(pixels[0::2], pixels[1::2], strict=True):
        parts: list[str] = []
        last = ""
        for a, b in zip(upper.tolist(), lower.tolist(), strict=True):
            code = f"\x1b[{_grey(a, ink, 38)};{_grey(b, ink, 48)}m"
            if code != last:
                parts.append(code)
                last = code
            parts.append("▀")
        lines.append("".join(parts) + RESET)
    return lines


def _grey(value: float, ink: Ink, layer: int) -> str:
    if ink.color == "true":
        level = round(value * 255)
        return f"{layer};2;{level};{level};{level}"
    # The 256-colour palette: 16 is black, 232 to 255 are greys from dark to light, 231 is white.
    level = round(value * 25)
    return f"{layer};5;{16 if level == 0 else 231 if level == 25 else 231 + level}"


def _braille(pixels: NDArray[Any]) -> list[str]:
    import numpy as np

    height, width = pixels.shape
    on = np.zeros((-(-height // 4) * 4, -(-width // 2) * 2), dtype=int)
    on[:height, :width] = pixels >= 0.4
    codes = np.full((on.shape[0] // 4, on.shape[1] // 2), 0x2800)
    for y, bits in enumerate(_DOTS):
        for x, bit in enumerate(bits):
            codes += on[y::4, x::2] * bit
    return ["".join(map(chr, row)).rstrip("\u2800") for row in codes.tolist()]
