"""Stands for the container library's entry point, which scripts import and hardly ever call."""

from __future__ import annotations

from typing import Any


def run(*arguments: Any, **options: Any) -> None:
    """Refuse: a script that is running has been started already."""
    raise NotImplementedError(
        "The sandbox starts the script itself; sagemaker_containers.entry_point.run cannot start another one."
    )
