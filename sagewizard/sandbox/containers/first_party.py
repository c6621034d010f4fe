"""What the training programs of the first-party images share: checks of channels and width, and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import AlgorithmError, CustomerError
from sagewizard.sandbox.containers.joblog import single
from sagewizard.sandbox.containers.linear_learner.schema_text import refusal
from sagewizard.sandbox.containers.reading import content_type_of, read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sagewizard.algorithms import Algorithm
    from sagewizard.sandbox.containers.contract import TrainingContainer
    from sagewizard.sandbox.containers.reading import Table

_RESOURCES = "/opt/amazon/lib/python3.7/site-packages/algorithm/resources"
# Set by the container itself; accepted, printed, and without effect on a single machine.
INTERNAL = {
    "_kvstore": "auto",
    "_num_gpus": "auto",
    "_num_kv_servers": "auto",
    "_log_level": "info",
    "_enable_profiler": "false",
}


def configure(container: TrainingContainer, catalogue: Algorithm) -> dict[str, str]:
    """Check a job's hyperparameters and return them with the defaults; AlgorithmError is the schema's."""
    log, given = container.log, container.hyperparameters
    default = {e.name: e.default for e in catalogue.hyperparameters if e.default is not None} | INTERNAL
    log.line("Docker entrypoint called with argument(s): train")
    log.line("Running default environment configuration script")
    log.line("Running custom environment configuration script")
    log.info(f"Reading default configuration from {_RESOURCES}/default-input.json: {default}")
    log.info(
        f"Merging with provided configuration from /opt/ml/input/config/hyperparameters.json: {dict(given)}"
    )
    sentence = refusal(catalogue, given, INTERNAL)
    if sentence is not None:
        raise AlgorithmError(sentence)
    final = {**default, **given}
    log.info(f"Final configuration: {final}")
    log.line("Process 1 is a worker.")
    log.info("Using default worker.")
    return final


def check_channels(container: TrainingContainer, known: Collection[str], *, supervised: bool) -> None:
    """Refuse a job without `train`, with a channel the algorithm does not have, or with an unread type."""
    head = "Unable to initialize the algorithm. Failed to validate input data configuration. "
    caused = f"{head}(caused by ValidationError)\n\nCaused by: "
    if "train" not in container.channels:
        raise CustomerError(
            f"{caused}'train' is a required property\n\n"
            "Failed validating 'required' in schema:\n    {'required': ['train']}"
        )
    extra = [name for name in container.channels if name not in known]
    if extra:
        listed = ", ".join(repr(name) for name in extra)
        verb = "was" if len(extra) == 1 else "were"
        raise CustomerError(f"{caused}Additional properties are not allowed ({listed} {verb} unexpected)")
    for channel in container.channels.values():
        content_type_of(channel, supervised=supervised)


def read_channels(container: TrainingContainer, catalogue: Algorithm, width: int) -> dict[str, Table]:
    """Read every channel of a job; CustomerError for one that is missing, unknown, or of another width."""
    known = [channel.name for channel in catalogue.channels]
    check_channels(container, known, supervised=False)
    tables = {}
    for name in known:
        if name not in container.channels:
            continue
        begun = container.clock.monotonic()
        channel = container.channels[name]
        table = read_table(container, channel, supervised=False)
        if table.width != width:
            raise CustomerError(_wrong_width(channel.content_type or "", name, table.width, width))
        seconds = container.clock.monotonic() - begun
        container.log.pipeline(f"/opt/ml/input/data/{name}", 0, seconds, 1, table.size)
        tables[name] = table
    container.log.info("Create Store: local")
    return tables


def _wrong_width(content_type: str, name: str, found: int, width: int) -> str:
    text = (
        f"The feature dimension of the data in channel '{name}', {found}, does not match the value of "
        f"feature_dim, {width}. Please fix the input and try again."
    )
    media = content_type.split(";")[0].strip().lower()
    if media == "text/csv" and "label_size" not in content_type and found == width - 1:
        text += (
            " Without label_size=0 in the content type the first column is taken for a label:"
            " use text/csv;label_size=0."
        )
    return text


class Progress:
    """Writes the lines on progress, throughput and quality that the metric definitions read."""

    def __init__(self, container: TrainingContainer, algorithm: str) -> None:
        self.log, self.clock = container.log, container.clock
        self.host, self.algorithm = container.current_host, algorithm

    def epoch(self, number: int, epochs: int, rows: int, started: float, seconds: float) -> None:
        """Write what one pass over the training data took; `started` is its time of day."""
        dimensions = {
            "Algorithm": self.algorithm,
            "Host": self.host,
            "Meta": "training_data_iter",
            "Operation": "training",
            "epoch": number,
        }
        values = {"Total Records Seen": single(rows * (number + 1)), "Number of Records": single(rows)}
        self.log.metrics(started, self.clock.now(), dimensions, values)
        self.log.info(
            f"#progress_metric: host={self.host}, completed {100 * (number + 1) / epochs} % of epochs"
        )
        self.log.info(
            f"#throughput_metric: host={self.host}, train throughput={rows / max(seconds, 1e-9)} "
            "records/second"
        )

    def quality(self, split: str, name: str, value: float) -> None:
        """Write a figure of a channel."""
        self.log.info(f"#quality_metric: host={self.host}, {split} {name} <loss>={value}")

    def closing(self, started: float, seconds: Mapping[str, float], epochs: int) -> None:
        """Write where the time went, in milliseconds."""
        spent: dict[str, Mapping[str, Any]] = {name: single(value * 1000) for name, value in seconds.items()}
        spent["epochs"] = single(epochs)
        dimensions = {"Algorithm": self.algorithm, "Host": self.host, "Operation": "training"}
        self.log.metrics(started, self.clock.now(), dimensions, spent)
