"""Which XGBoost image this is, and what follows from its version.

The installed library is newer than most images. Where a version made another choice (the way splits are
found, the first prediction, the form of replies and of the log), the container makes that choice here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.algorithms import xgboost_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "SAGEWIZARD_IMAGE"  # the image URI of the job or model
NEWEST = xgboost_versions.VERSIONS[-1]


@dataclass(frozen=True, slots=True)
class Image:
    """One image version, as the catalogue names it."""

    version: str

    def since(self, first: str) -> bool:
        """Tell whether it is `first` or came after it."""
        return xgboost_versions.at_least(self.version, first)

    @property
    def is_first(self) -> bool:
        """Whether it is 0.72, whose container is a program of its own."""
        return not self.since("0.90-1")

    @property
    def exact_on_small_data(self) -> bool:
        """Whether auto means exact below four million rows, and the first prediction is 0.5."""
        return not self.since("3.0-5")

    @property
    def pickles_models(self) -> bool:
        """Whether the model file is a Python pickle."""
        return not self.since("1.3-1")

    @property
    def counts_errors(self) -> bool:
        """Whether classifiers report their rate of errors when no metric is asked for, not their log loss."""
        return not self.since("1.3-1")

    @property
    def answers_on_one_line(self) -> bool:
        """Whether a CSV reply is one line of comma-joined predictions, without a newline."""
        return not self.since("1.2-2")

    @property
    def heeds_accept(self) -> bool:
        """Whether the reply's type is the accepted one; it came with the choice of a reply's contents."""
        return self.since("0.90-2")

    @property
    def brackets_log_lines(self) -> bool:
        """Whether log lines start with [time:LEVEL] and not with LEVEL:logger:."""
        return self.is_first or self.since("1.2-1")

    @property
    def rounds_metrics(self) -> bool:
        """Whether metrics are logged with five decimals, not six significant digits."""
        return self.since("1.0-1")


def image_of(environ: Mapping[str, str]) -> Image:
    """Take the version from the image URI in the environment; the newest one when that names none."""
    found = algorithms.find_by_image(environ.get(VARIABLE, ""))
    return Image(found[1] if found is not None else NEWEST)
