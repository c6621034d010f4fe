"""Owns pictures of rows for Static widgets, as text with colours; called in workers, since it needs numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.render.ink import Ink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagewizard.engine.looking import Thumbnail


def ink(width: int, *, colourless: bool) -> Ink:
    """Return how to draw: greys in truecolor, which Textual fits to the terminal, or none at all."""
    return Ink(width=width, color="none" if colourless else "true", unicode=True)


def draw_digits(
    images: Sequence[Sequence[float]],
    labels: Sequence[str],
    shape: tuple[int, int],
    width: int,
    *,
    colourless: bool,
) -> str:
    """Return pictures side by side with their labels above, in as many rows as the width needs."""
    import numpy as np

    from sagewizard.render import digits

    arrays = [np.asarray(image, dtype=np.float64).reshape(shape) for image in images]
    mode = "braille" if colourless and shape[1] > 16 else "auto"
    return digits(arrays, labels, ink=ink(width, colourless=colourless), mode=mode)  # type: ignore[arg-type]


def draw_thumbnail(found: Thumbnail, width: int, *, colourless: bool) -> str:
    """Return two pictures, or the first rows as a table."""
    from sagewizard.render import table

    if found.image_shape is not None:
        across = max(found.image_shape[1], 16)
        count = max(1, min(len(found.values), (width + 2) // (across + 2)))
        return draw_digits(
            found.values[:count], found.labels[:count], found.image_shape, width, colourless=colourless
        )
    shown = max(1, min(len(found.columns), 3))
    rows = [
        [label, *(f"{value:g}" for value in row[:shown])]
        for label, row in zip(found.labels[:5], found.values[:5], strict=True)
    ]
    return table(rows, ["label", *found.columns[:shown]], ink=ink(width, colourless=True))
