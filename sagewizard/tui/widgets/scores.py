"""Owns how one answer of a model is told: right or wrong, its score against the threshold, its latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sagewizard.render.cells import clean, fit
from sagewizard.render.units import number

if TYPE_CHECKING:
    from sagewizard.engine.table import Table
    from sagewizard.events import PredictionMade

GAUGE = 24
BEST_CLASSES = 3


def bar(share: float, width: int = 20) -> str:
    """Return a bar of a share from 0 to 1."""
    filled = round(min(1.0, max(0.0, share)) * width)
    return "█" * filled + "░" * (width - filled)


def gauge(score: float, threshold: float | None, width: int = GAUGE) -> str:
    """Return a score from 0 to 1 as a bar, with `┃` where the threshold lies."""
    cells = list(bar(score, width))
    if threshold is not None and 0 <= threshold <= 1:
        cells[min(width - 1, int(threshold * width))] = "┃"
    return "".join(cells)


def answer_lines(event: PredictionMade, table: Table | None, threshold: float | None) -> list[Text]:
    """Return the lines of one answer."""
    lines = [_verdict(event)]
    if event.predicted.startswith("cluster ") and not event.graded:
        if event.score is not None:
            lines.append(Text(f"distance to its center {number(event.score)}"))
    elif event.graded and event.score is not None and (table is None or len(table.classes) == 2):
        lines += _score(event.score, threshold)
    elif event.score is None and table is not None:
        lines += _classes(event, table)
    lines.append(Text(f"latency {event.seconds * 1000:.1f} ms"))
    return lines


def _verdict(event: PredictionMade) -> Text:
    said, truth = clean(event.predicted), clean(event.expected)
    if not event.row:
        return Text(f"→ the model says: {said}", "bold")
    if not event.graded:
        try:
            off = f", off by {number(abs(float(said) - float(truth)))}"
        except ValueError:
            return Text(f"→ said {said}; it is labelled {truth}", "bold")
        return Text(f"→ said {said}, and it is {truth}{off}", "bold")
    if event.correct:
        return Text(f"✓ right: said {said}, and it is {truth}", "bold")
    return Text(f"✗ wrong: said {said}, but it is {truth}", "bold")


def _score(score: float, threshold: float | None) -> list[Text]:
    if threshold is None:
        line = Text(f"score {number(score)}")
        if 0 <= score <= 1:
            line.append(f"\n{gauge(score, None)}")
        return [line]
    line = Text(f"score {number(score)} {'>' if score > threshold else '≤'} threshold {number(threshold)}")
    if 0 <= score <= 1 and 0 <= threshold <= 1:
        line.append(f"\n{gauge(score, threshold)}")
    return [line]


def _classes(event: PredictionMade, table: Table) -> list[Text]:
    """Return the best classes by their scores."""
    from sagewizard.engine.predictions import read_json
    from sagewizard.errors import SageWizardError

    try:
        (answer,) = read_json(event.response.encode(), 1, source="The endpoint")
    except SageWizardError:
        return []
    if len(answer.scores) != len(table.classes):
        return []
    ranked = sorted(zip(answer.scores, table.classes, strict=True), key=lambda pair: -pair[0])
    return [
        Text(f"{fit(clean(name), 8)} {bar(score, 16)} {number(score)}")
        for score, name in ranked[:BEST_CLASSES]
    ]
