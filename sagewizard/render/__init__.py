"""Text renderings shared by every front end: plain strings, measured in cells, colour as an option.

`ink_for(stream)` says what a terminal can show; every renderer takes it as `ink=`. The names below are
resolved on first use, so that a money figure costs no numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.render.bars import histogram_line, progress_bar, sparkline
    from sagewizard.render.chart import Series, curve_chart, line_chart, scatter_chart
    from sagewizard.render.confusion import confusion_matrix
    from sagewizard.render.ink import Ink, ink_for
    from sagewizard.render.metrics import class_table, metric_list, metric_name
    from sagewizard.render.outcomes import clusters, folds, residuals, thresholds
    from sagewizard.render.pictures import digit, digits
    from sagewizard.render.tables import table
    from sagewizard.render.tuning import objective_chart, trial_table

__all__ = [
    "Ink",
    "Series",
    "class_table",
    "clusters",
    "confusion_matrix",
    "curve_chart",
    "digit",
    "digits",
    "folds",
    "histogram_line",
    "ink_for",
    "line_chart",
    "metric_list",
    "metric_name",
    "objective_chart",
    "progress_bar",
    "residuals",
    "scatter_chart",
    "sparkline",
    "table",
    "thresholds",
    "trial_table",
]

_HOME = {
    "Ink": "ink",
    "Series": "chart",
    "class_table": "metrics",
    "clusters": "outcomes",
    "confusion_matrix": "confusion",
    "curve_chart": "chart",
    "digit": "pictures",
    "digits": "pictures",
    "folds": "outcomes",
    "histogram_line": "bars",
    "ink_for": "ink",
    "line_chart": "chart",
    "metric_list": "metrics",
    "metric_name": "metrics",
    "objective_chart": "tuning",
    "progress_bar": "bars",
    "residuals": "outcomes",
    "scatter_chart": "chart",
    "sparkline": "bars",
    "table": "tables",
    "thresholds": "outcomes",
    "trial_table": "tuning",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
