"""What scripts import of SageMaker's container library, done by the sandbox's own code."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace


def training_env() -> SimpleNamespace:
    """Return what the job is told by the toolkit's attribute names: hyperparameters, model_dir, hosts ..."""
    return SimpleNamespace(**json.loads(os.environ.get("SM_TRAINING_ENV", "{}")))
