"""Owns the topics: what of a run's model changed, as panes are told in `update_from(model, topics)`.

RUN        started, resumed, ended; title, target, region, folder
STEPS      a step's state, text, summary or outputs
PROGRESS   `StepView.progress` of the step at work
DATASET    `dataset`            PREVIEW   `preview`
JOBS       `jobs`: training, transform and tuning jobs, and endpoints (kind `endpoint`)
LOG        `log`                METRICS   `metrics`
COST       `cost`               RESOURCES `alive`, `gone`, `stuck`
CALLS      `calls`              WARNING   `warnings`, `notes`
PREDICTION `predictions`, `comparison`
EVALUATION `evaluation`, `thresholds`, `clusters`, `folds`        TUNING    `tuning`
ERROR      `error`              OPTIONS   an option was set or a step became stale (sent by RunControl)
"""

from __future__ import annotations

from typing import Final

RUN: Final = "run"
STEPS: Final = "steps"
PROGRESS: Final = "progress"
DATASET: Final = "dataset"
PREVIEW: Final = "preview"
JOBS: Final = "jobs"
LOG: Final = "log"
METRICS: Final = "metrics"
COST: Final = "cost"
RESOURCES: Final = "resources"
CALLS: Final = "calls"
PREDICTION: Final = "prediction"
EVALUATION: Final = "evaluation"
TUNING: Final = "tuning"
WARNING: Final = "warning"
ERROR: Final = "error"
OPTIONS: Final = "options"
ALL_TOPICS: Final = frozenset(
    (RUN, STEPS, PROGRESS, DATASET, PREVIEW, JOBS, LOG, METRICS, COST, RESOURCES, CALLS, PREDICTION,
     EVALUATION, TUNING, WARNING, ERROR, OPTIONS)
)  # fmt: skip
