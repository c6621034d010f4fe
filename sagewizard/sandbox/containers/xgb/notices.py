"""What the XGBoost of an image warns of before it trains: sentences and source lines from logs of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagewizard.sandbox.containers.xgb.image import Image

# What the container gives XGBoost and XGBoost 1.0 to 1.2 does not know.
_UNKNOWN = ("num_round", "silent")
_UNUSED = """\
WARNING: /workspace/src/learner.cc:{line}:
Parameters: {{ {names} }} might not be used.

  This may not be accurate due to some parameters are only used in language bindings but
  passed down to XGBoost core.  Or some parameters are not used but slip through this
  verification. Please open an issue if you find above cases."""
# objective: (the metric until 1.2, the one from 1.3 on)
_CHANGED = {
    "binary:logistic": ("error", "logloss"),
    "binary:logitraw": ("error", "logloss"),
    "multi:softmax": ("merror", "mlogloss"),
    "multi:softprob": ("merror", "mlogloss"),
}


def of(image: Image, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the warnings for a job's hyperparameters."""
    objective = str(values.get("objective", ""))
    if objective == "reg:linear" and not image.is_first:
        line = 167 if image.since("1.0-1") else 152
        yield (
            f"WARNING: /workspace/src/objective/regression_obj.cu:{line}: "
            "reg:linear is now deprecated in favor of reg:squarederror."
        )
    if image.since("1.0-1") and not image.since("1.3-1"):
        names = ", ".join(name for name in _UNKNOWN if name in values)
        yield _UNUSED.format(line=516 if image.since("1.2-1") else 328, names=names)
    silent = not values.get("eval_metric") and "_tuning_objective_metric" not in values
    if silent and objective in _CHANGED and image.since("1.3-1") and not image.since("1.7-1"):
        before, after = _CHANGED[objective]
        yield (
            "WARNING: ../src/learner.cc:1061: Starting in XGBoost 1.3.0, the default evaluation metric"
            f" used with the objective '{objective}' was changed from '{before}' to '{after}'."
            " Explicitly set eval_metric if you'd like to restore the old behavior."
        )
