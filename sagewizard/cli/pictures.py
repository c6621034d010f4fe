"""Draws the preview of a dataset as text: pictures where a row is one, else a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewizard.events import PreviewMade
    from sagewizard.render.ink import Ink


def preview_lines(event: PreviewMade, ink: Ink) -> list[str]:
    """Return the lines of a preview, no wider than the ink."""
    if event.image_height and event.image_width:
        import numpy as np

        from sagewizard.render import digits

        shape = (event.image_height, event.image_width)
        images = [np.asarray(sample.values).reshape(shape) for sample in event.samples]
        labels = [sample.label for sample in event.samples]
        # Whole pictures in one row are enough here; the app pages through the rest.
        across = max(16, event.image_width) + 2
        fitting = max(1, ink.width // across)
        return digits(images[:fitting], labels[:fitting], ink=ink).splitlines()
    from sagewizard.render import table
    from sagewizard.render.units import number

    rows = [
        [sample.row, sample.label, *(number(value) for value in sample.values)] for sample in event.samples
    ]
    text = table(rows, ["row", "label", *event.columns], ink=ink, whole=2)
    return text.splitlines()
