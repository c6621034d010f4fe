"""Metrics, confusion matrix, ROC and PR curves, the choice of a threshold, and what a model got wrong.

The names below are resolved on first use: the confusion matrix needs no numpy, the metrics need scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.evaluation.clusters import Clusters, cluster_metrics
    from sagewizard.evaluation.confusion import ConfusionMatrix
    from sagewizard.evaluation.curves import Curve, pr_curve, roc_curve
    from sagewizard.evaluation.metrics import (
        BinaryMetrics,
        ClassMetrics,
        ClusterMetrics,
        Metrics,
        MulticlassMetrics,
        RegressionMetrics,
        binary_metrics,
        load_metrics,
        multiclass_metrics,
        regression_metrics,
    )
    from sagewizard.evaluation.mistakes import (
        Mistake,
        binary_mistakes,
        multiclass_mistakes,
        regression_mistakes,
    )
    from sagewizard.evaluation.threshold import ThresholdChoice, ThresholdSweep

__all__ = [
    "BinaryMetrics",
    "ClassMetrics",
    "ClusterMetrics",
    "Clusters",
    "ConfusionMatrix",
    "Curve",
    "Metrics",
    "Mistake",
    "MulticlassMetrics",
    "RegressionMetrics",
    "ThresholdChoice",
    "ThresholdSweep",
    "binary_metrics",
    "binary_mistakes",
    "cluster_metrics",
    "load_metrics",
    "multiclass_metrics",
    "multiclass_mistakes",
    "pr_curve",
    "regression_metrics",
    "regression_mistakes",
    "roc_curve",
]

_HOME = {
    "ConfusionMatrix": "confusion",
    **dict.fromkeys(("Clusters", "cluster_metrics"), "clusters"),
    **dict.fromkeys(("Curve", "pr_curve", "roc_curve"), "curves"),
    **dict.fromkeys(("Mistake", "binary_mistakes", "multiclass_mistakes", "regression_mistakes"), "mistakes"),
    **dict.fromkeys(("ThresholdChoice", "ThresholdSweep"), "threshold"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'metrics')}"), name)
