"""Step preview: the first rows of the training split, as pictures or as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.engine.steps.result import StepResult
from sagewizard.events import PreviewMade, Sample

if TYPE_CHECKING:
    from sagewizard.engine.context import RunContext


def run(context: RunContext) -> StepResult:
    """Show some rows; nothing is changed."""
    table = context.dataset
    part = table.parts["train"]
    count = min(context.number("rows"), len(part))
    samples = tuple(
        Sample(
            row=row + 1,
            label=str(part.labels[row]),
            values=tuple(round(float(value), 6) for value in part.features[row]),
        )
        for row in range(count)
    )
    context.emit(
        PreviewMade, step="preview", split="train", columns=table.columns, samples=samples,
        image_height=table.image_height, image_width=table.image_width,
    )  # fmt: skip
    return StepResult(f"The first {count} of {len(part):,} training rows", {"rows": count})
