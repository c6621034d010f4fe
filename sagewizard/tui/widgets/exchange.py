"""Owns how what went to an endpoint and came back is told: both bodies, and the whole test set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sagewizard.render.cells import clean
from sagewizard.tui.widgets.scores import bar

if TYPE_CHECKING:
    from sagewizard.events import PredictionMade, PredictionsCompared

SHORT = 240
"""Characters of a body that are shown until `v` shows all: MNIST's request has 3,000."""


def bodies_text(event: PredictionMade, *, whole: bool) -> Text:
    """Return request and reply as they went over the wire, whole or their beginning."""
    out = Text()
    out.append("Request\n", "bold")
    out.append(f"POST /endpoints/{event.endpoint}/invocations\n")
    out.append(f"Content-Type: {event.content_type}   Accept: {event.accept}\n", "dim")
    out.append(_cut(event.request, whole) + "\n")
    out.append("Reply\n", "bold")
    out.append(_cut(event.response, whole))
    return out


def sending_text(share: float | None) -> Text:
    """Return how far the whole test set has been sent."""
    out = Text()
    out.append("Whole test set  ", "bold")
    out.append(f"▶ {bar(share or 0.0)} {share or 0.0:4.0%}  t stops")
    return out


def whole_set_text(compared: PredictionsCompared, *, graded: bool, again: bool) -> Text:
    """Return how the whole test set was answered; `graded` where an answer is right or wrong."""
    wrong = compared.rows - compared.correct
    words = f"{compared.correct:,} of {compared.rows:,} right, {wrong:,} wrong"
    if not graded:
        words = f"{compared.rows:,} rows answered; Evaluate says how well"
    out = Text()
    out.append("Whole test set  ", "bold")
    out.append(f"✓ {words}, in {compared.requests:,} requests")
    if compared.median_seconds is not None:
        out.append(f" of {compared.median_seconds * 1000:.1f} ms each")
    if again:
        out.append(".  t sends it again", "dim")
    return out


def _cut(body: str, whole: bool) -> str:
    text = clean(body.strip())
    if whole or len(text) <= SHORT:
        return text
    return f"{text[:SHORT]}… ({len(text):,} characters, v shows all)"
