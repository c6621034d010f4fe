"""Checkpoints of a boosting: the newest five models, one after each round, as xgboost-checkpoint.ROUND."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import xgboost

if TYPE_CHECKING:
    from pathlib import Path

NAME = "xgboost-checkpoint"
KEPT = 5
_NUMBERED = re.compile(rf"{NAME}\.(\d{{1,9}})")


class Checkpoints(xgboost.callback.TrainingCallback):
    """Saves the model after each round; `done` rounds were made before this training began."""

    def __init__(self, folder: Path, done: int = 0, kept: int = KEPT) -> None:
        super().__init__()
        self.folder, self.done, self.kept = folder, done, kept

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, Any]) -> bool:
        """Save, and remove what is older."""
        number = epoch + self.done
        path = self.folder / f"{NAME}.{number}"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(bytes(model.save_raw("ubj")))
        fresh.replace(path)
        (self.folder / f"{NAME}.{number - self.kept}").unlink(missing_ok=True)
        return False


def newest(folder: Path) -> tuple[Path | None, int]:
    """Find the newest checkpoint; its file, and the rounds that it has had (None and 0 without any)."""
    if not folder.is_dir():
        return None, 0
    found = {
        int(match[1]): path
        for path in folder.iterdir()
        if (match := _NUMBERED.fullmatch(path.name)) and path.is_file()
    }
    return (found[max(found)], max(found) + 1) if found else (None, 0)
