"""Checkpoints as one more callback of a script's own training."""

from __future__ import annotations

from typing import Any

from sagemaker_xgboost_container.checkpointing import (  # type: ignore[import-not-found]  # beside this file
    load_checkpoint,
    save_checkpoint,
)


def add_checkpointing(
    callbacks: list[Any], checkpoint_dir: str, num_boost_round: int, load_previous_checkpoint: bool = True
) -> tuple[str | None, int]:
    """Add the callback; return the model to go on with, and how many rounds are left."""
    model, done = load_checkpoint(checkpoint_dir) if load_previous_checkpoint else (None, 0)
    callbacks.append(save_checkpoint(checkpoint_dir, done))
    return model, max(num_boost_round - done, 0)
