"""The log of the XGBoost container, in the form of its version; compute turns tabs into #011."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sagewizard.sandbox.containers.joblog import JobLog

if TYPE_CHECKING:
    from typing import TextIO

    from sagewizard.clock import Clock
    from sagewizard.sandbox.containers.xgb.image import Image

TOOLKIT = "sagemaker-containers"
TRAINING = "sagemaker_xgboost_container.training"


class XgboostLog(JobLog):
    """Writes lines as Python's logging does in that image, and as XGBoost itself does."""

    def __init__(self, image: Image, clock: Clock, stream: TextIO | None = None) -> None:
        super().__init__(clock, stream)
        self.image = image

    def _write(self, level: str, text: str) -> None:
        self.named("root", text, level)

    def named(self, logger: str, text: str, level: str = "INFO") -> None:
        """Write a line of a logger; only the older form shows its name."""
        if self.image.brackets_log_lines:
            self.line(f"[{self._moment():%Y-%m-%d:%H:%M:%S}:{level}] {text}")
        else:
            self.line(f"{level}:{logger}:{text}")

    def library(self, text: str) -> None:
        """Write a line as XGBoost's C++ code does: [18:36:27] and the text."""
        self.line(f"[{self._moment():%H:%M:%S}] {text}")

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), UTC)
