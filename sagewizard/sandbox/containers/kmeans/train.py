"""The training program of K-Means: from the channels of a job to model_algo-1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard import algorithms
from sagewizard.algorithms.kmeans import metric_names
from sagewizard.sandbox.containers import ndarrays
from sagewizard.sandbox.containers.contract import CustomerError, run_training
from sagewizard.sandbox.containers.first_party import Progress, configure, read_channels
from sagewizard.sandbox.containers.kmeans.clusters import (
    Shrinking,
    Stream,
    dense,
    first_centers,
    nearest,
    shrink,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sagewizard.sandbox.containers.contract import TrainingContainer
    from sagewizard.sandbox.containers.reading import Table

FILE_NAME = "model_algo-1"
ALGORITHM = "AWS/KMeansWebscale"
_SEED = 0
_AUTO = 10  # extra_center_factor and local_lloyd_num_trials, as real logs show


def main() -> int:
    """Run the job the environment describes; the exit code is that of the container."""
    return run_training(train)


def train(container: TrainingContainer) -> None:
    """Stream, shrink, score and save; every refusal is a JobError."""
    clock = container.clock
    begun, started = clock.monotonic(), clock.now()
    catalogue = algorithms.get("kmeans")
    values = configure(container, catalogue)
    metrics = metric_names(values["eval_metrics"])
    if metrics is None:
        raise CustomerError(
            f"The value of eval_metrics, {values['eval_metrics']!r}, is not a list of the metrics"
            " 'msd' and 'ssd'."
        )
    tables = read_channels(container, catalogue, int(values["feature_dim"]))
    prepared = clock.monotonic()
    progress = Progress(container, ALGORITHM)
    generator = np.random.default_rng(_SEED)
    stream = _stream(container, tables["train"], values, progress, generator)
    if stream is None:
        container.log.warning("The job was stopped before its first epoch ended; there is no model to save.")
        return
    trained = clock.monotonic()
    centers = _shrink(container, stream, values, metrics, progress, generator)
    if "test" in tables:
        _score(tables["test"], centers, metrics, progress)
    else:
        container.log.info("Test data is not provided.")
    container.model.mkdir(parents=True, exist_ok=True)
    (container.model / FILE_NAME).write_bytes(ndarrays.dumps_list([centers]))
    end = clock.monotonic()
    spans = {"setuptime": prepared - begun, "finalize.time": end - trained, "totaltime": end - begun}
    progress.closing(started, spans, int(values["epochs"]))


def _stream(
    container: TrainingContainer,
    table: Table,
    values: Mapping[str, str],
    progress: Progress,
    generator: np.random.Generator,
) -> Stream | None:
    """Go through the training rows; None when the job was stopped before they were all seen once."""
    k, size, epochs = int(values["k"]), int(values["mini_batch_size"]), int(values["epochs"])
    factor = _AUTO if values["extra_center_factor"] == "auto" else int(values["extra_center_factor"])
    if table.rows < k:
        raise CustomerError(
            f"The training data has {table.rows} rows, fewer than the k={k} clusters that were asked for."
            " Please lower k or provide more data."
        )
    first = dense(table.features[: min(size, table.rows)])
    if len(first) < size:
        container.log.warning(
            f"Batch size {size} is bigger than the first batch data. Effective batch size used to initialize"
            f" is {len(first)}"
        )
    if len(first) < k:
        raise CustomerError(
            f"The first mini-batch has {len(first)} rows, fewer than the k={k} clusters that were asked for."
            " Please raise mini_batch_size to at least k."
        )
    count = min(k * factor, len(first))
    centers = first_centers(first, count, values["init_method"], generator)
    stream = Stream(centers, int(values["half_life_time_size"]))
    for epoch in range(epochs):
        begun, started = container.clock.monotonic(), container.clock.now()
        for start in range(0, table.rows, size):
            if container.stopping.is_set() and not epoch:
                return None
            stream.update(dense(table.features[start : start + size]))
        progress.epoch(epoch, epochs, table.rows, started, container.clock.monotonic() - begun)
        if container.stopping.is_set():
            break
    container.log.info(f"processed a total of {table.rows} examples")
    return stream


def _shrink(
    container: TrainingContainer,
    stream: Stream,
    values: Mapping[str, str],
    metrics: list[str],
    progress: Progress,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    log, k = container.log, int(values["k"])
    trials = values["local_lloyd_num_trials"]
    rules = Shrinking(
        k,
        values["local_lloyd_init_method"],
        int(values["local_lloyd_max_iter"]),
        _AUTO if trials == "auto" else int(trials),
        float(values["local_lloyd_tol"]),
    )
    log.warning("wait_for_all_workers will not sync workers since the kv store is not running distributed")
    log.info(f"shrinking {len(stream.centers)} centers into {k}")

    def attempt(number: int, distance: float) -> None:
        log.info(f"local kmeans attempt #{number}. Current mean square distance {distance:.6f}")

    centers, distance = shrink(stream.centers, stream.weights, rules, generator, attempt)
    log.info(f"finished shrinking process. Mean Square Distance = {int(distance)}")
    figures = {"msd": distance, "ssd": distance * float(stream.weights.sum())}
    for name in metrics:
        progress.quality("train", name, figures[name])
    return centers.astype(np.float32)


def _score(table: Table, centers: Any, metrics: list[str], progress: Progress) -> None:
    total = 0.0
    exact = np.asarray(centers, np.float64)
    for start in range(0, table.rows, 5000):
        total += float(nearest(dense(table.features[start : start + 5000]), exact)[1].sum())
    figures = {"msd": total / table.rows, "ssd": total}
    for name in metrics:
        progress.log.info(f"#test_score ({progress.host}) : ({name!r}, {figures[name]})")
    for name in metrics:
        progress.quality("test", name, figures[name])
