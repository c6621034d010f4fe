"""The training program of PCA: from the channels of a job to model_algo-1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.algorithms.pca import REGULAR
from sagewizard.sandbox.containers import ndarrays
from sagewizard.sandbox.containers.contract import CustomerError, run_training
from sagewizard.sandbox.containers.first_party import Progress, configure, read_channels
from sagewizard.sandbox.containers.pca.components import randomized, regular

if TYPE_CHECKING:
    from sagewizard.sandbox.containers.contract import TrainingContainer

FILE_NAME = "model_algo-1"


def main() -> int:
    """Run the job the environment describes; the exit code is that of the container."""
    return run_training(train)


def train(container: TrainingContainer) -> None:
    """Find the components and save them; every refusal is a JobError."""
    clock = container.clock
    begun, started = clock.monotonic(), clock.now()
    catalogue = algorithms.get("pca")
    values = configure(container, catalogue)
    width, count = int(values["feature_dim"]), int(values["num_components"])
    if count > width:
        raise CustomerError(
            f"The value of num_components, {count}, is greater than the value of feature_dim, {width}."
        )
    tables = read_channels(container, catalogue, width)
    table = tables["train"]
    if count > table.rows:
        raise CustomerError(
            f"The training data has {table.rows} rows, fewer than the {count} components asked for."
            " Please lower num_components or provide more data."
        )
    prepared = clock.monotonic()
    progress = Progress(container, "PCA")
    centre = values["subtract_mean"].lower() == "true"
    epoch = clock.now()
    if values["algorithm_mode"] == REGULAR:
        found = regular(table.features, count, subtract_mean=centre)
    else:
        extra = int(values["extra_components"])
        # -1 stands for the larger of 10 and num_components (Developer Guide).
        found = randomized(
            table.features, count, max(10, count) if extra < 0 else extra, subtract_mean=centre
        )
    trained = clock.monotonic()
    progress.epoch(0, 1, table.rows, epoch, trained - prepared)
    container.model.mkdir(parents=True, exist_ok=True)
    arrays = {"s": found.s, "v": found.v, "mean": found.mean}
    (container.model / FILE_NAME).write_bytes(ndarrays.dumps(arrays))
    if "test" not in tables:
        container.log.info("Test data is not provided.")
    end = clock.monotonic()
    spans = {"setuptime": prepared - begun, "update.time": trained - prepared, "totaltime": end - begun}
    progress.closing(started, spans, 1)
