"""Checkpoints in a script's own training, under the names and with the files of the container's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import xgboost

from sagewizard.sandbox.containers.xgb.checkpoints import KEPT, Checkpoints, newest


def load_checkpoint(checkpoint_dir: str, max_try: int = 5) -> tuple[str | None, int]:
    """Return the newest checkpoint's path, and the round to go on with; None and 0 without any."""
    path, done = newest(Path(checkpoint_dir))
    return (str(path) if path is not None else None), done


def save_checkpoint(
    checkpoint_dir: str,
    start_iteration: int = 0,
    max_to_keep: int = KEPT,
    num_round: int | None = None,
    rank: int = 0,
    iteration: int = 0,
    end_iteration: int | None = None,
) -> Checkpoints:
    """Return the callback that saves a checkpoint after each round."""
    Path(checkpoint_dir).mkdir(parents=True, exist_ok=True)
    return Checkpoints(Path(checkpoint_dir), start_iteration, max_to_keep)


SaveCheckpoint = SaveCheckpointCallBack = save_checkpoint


def train(train_args: dict[str, Any], checkpoint_dir: str) -> Any:
    """Call xgboost.train with these arguments, from the newest checkpoint on, and keep new ones."""
    arguments = dict(train_args)
    path, done = newest(Path(checkpoint_dir))
    if path is not None:
        logging.getLogger(__name__).info("Checkpoint loaded from %s, resuming from iteration %d", path, done)
        # As bytes: xgboost warns of a file name that does not end with the format.
        arguments["xgb_model"] = xgboost.Booster(model_file=bytearray(path.read_bytes()))
    arguments["num_boost_round"] = max(arguments.get("num_boost_round", 10) - done, 0)
    arguments["callbacks"] = [*(arguments.get("callbacks") or []), save_checkpoint(checkpoint_dir, done)]
    return xgboost.train(**arguments)
