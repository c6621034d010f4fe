"""Owns outcomes that no confusion matrix shows: clusters, residuals, thresholds side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sagewizard.render.cells import clean, fit
from sagewizard.render.ink import Ink
from sagewizard.render.units import count, number
from sagewizard.tui.widgets.scores import bar

if TYPE_CHECKING:
    from sagewizard.engine.results import Results
    from sagewizard.outcome_events import ClustersMeasured, ThresholdsCompared

RESIDUAL_ROWS = 9
MOST_BARS = 20


def clusters_text(event: ClustersMeasured | None, width: int) -> Text:
    """Return the silhouette, the size of each cluster, and labels against clusters."""
    from sagewizard.render import clusters

    if event is None:
        return Text("")
    total, largest = sum(event.sizes) or 1, max(event.sizes, default=0) or 1
    out = Text(f"{len(event.sizes)} clusters of {count(sum(event.sizes))} rows", "bold")
    if event.silhouette is not None:
        out.append(f"   silhouette {number(event.silhouette)}", "bold")
        out.append("\nSilhouette: 1 is far apart, 0 on the border, below 0 misplaced.", "dim not bold")
    room = max(8, min(30, width - 40))
    for at, (size, name) in enumerate(zip(event.sizes, event.names, strict=True)):
        if at == MOST_BARS:
            out.append(f"\n  and {len(event.sizes) - MOST_BARS} more", "not bold")
            break
        mostly = f"mostly {clean(name)}" if name else "empty"
        line = f"\n{at:>4}  {fit(mostly, 18)} {size:>6,} {size / total:>4.0%}  {bar(size / largest, room)}"
        out.append(line.replace("░", " ").rstrip(), "not bold")
    out.append("\n\nLabels down, clusters across: rows of each", "bold")
    out.append("\n")
    out.append_text(Text.from_ansi(clusters(event, ink=Ink(width=width))))
    out.append("\n\nIf each cluster took the name of its commonest label:", "bold")
    return out


def residuals_text(results: Results, width: int, *, plain: bool) -> Text:
    """Return the errors of a regression over its predictions; nothing for anything else."""
    from sagewizard.render import residuals

    if results.kind != "regressor" or not len(results):
        return Text("")
    ink = Ink("none" if plain else "16", True, width)
    drawn = residuals(results.expected.tolist(), results.predicted.tolist(), ink=ink, height=RESIDUAL_ROWS)
    out = Text.from_ansi(drawn)
    out.append("\nA level cloud around the line is good; a bow or a funnel is something not learnt.", "dim")
    return out


def thresholds_text(event: ThresholdsCompared | None, width: int) -> Text:
    """Return the thresholds that the evaluation compared, the one in force first."""
    from sagewizard.render import thresholds

    if event is None:
        return Text("")
    out = Text(
        f"{clean(event.positive)} when the score is above the threshold; the first is in force", "bold"
    )
    out.append("\n")
    out.append_text(Text.from_ansi(thresholds(event, ink=Ink(width=width))))
    return out
