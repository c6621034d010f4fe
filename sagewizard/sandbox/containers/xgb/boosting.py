"""The boosting itself: `xgboost.train` with the container's log, stopping rules and checkpoints."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xgboost

from sagewizard.sandbox.containers.contract import JobError
from sagewizard.sandbox.containers.xgb import collective, metrics, model_file, objectives
from sagewizard.sandbox.containers.xgb.checkpoints import Checkpoints, newest
from sagewizard.sandbox.containers.xgb.matrices import plain

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from sagewizard.sandbox.containers.xgb.image import Image
    from sagewizard.sandbox.containers.xgb.log import XgboostLog
    from sagewizard.sandbox.containers.xgb.parameters import Metrics

_OUR_OWN_DOING = ("are not used", "have manually specified the `updater`")


@dataclass(slots=True)
class Job:
    """What all boosters of a job share; `master` is the host that logs the metrics and saves the model."""

    image: Image
    log: XgboostLog
    parameters: dict[str, Any]
    metrics: Metrics
    rounds: int
    stopping: threading.Event
    patience: int | None = None
    checkpoints: Path | None = None
    master: bool = True
    hosts: int = 1
    shows_trees: bool = False
    notes: set[str] = field(default_factory=set)


def boost(
    job: Job, train: Any, validation: Any | None, results: dict[str, dict[str, list[float]]] | None = None
) -> Any:
    """Train one booster and return it; JobError in the container's words when XGBoost cannot."""
    watch = [(train, "train")]
    if validation is not None:
        watch.append((validation, "validation"))
    results = {} if results is None else results
    model, done = _latest_checkpoint(job)
    log = _RoundLog(job, done)
    callbacks: list[Any] = [log]
    if job.checkpoints is not None and job.master:
        callbacks.append(Checkpoints(job.checkpoints, done))
    callbacks += _early_stopping(job, log, validation is not None)
    objective = str(job.parameters.get("objective", "reg:squarederror"))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            booster = xgboost.train(
                job.parameters,
                train,
                num_boost_round=max(job.rounds - done, 0),
                evals=watch,
                custom_metric=metrics.own_metrics(job.metrics.own, objective),
                evals_result=results,
                callbacks=callbacks,
                xgb_model=model,
                verbose_eval=False,
            )
    except JobError:
        raise
    except Exception as error:
        raise objectives.failure(job.image, plain(error)) from None
    finally:
        _pass_on(job, caught)
    return booster


def _pass_on(job: Job, caught: Sequence[warnings.WarningMessage]) -> None:
    """Put XGBoost's warnings into the log, each once, but for those about what was translated for it."""
    for warning in caught:
        text = re.sub(r"^\[\d\d:\d\d:\d\d\] ", "", str(warning.message)).strip()
        if text not in job.notes and not any(part in text for part in _OUR_OWN_DOING):
            job.notes.add(text)
            job.log.library(text)


class _RoundLog(xgboost.callback.TrainingCallback):
    """Writes a line of metrics after each round and ends the training when the job is to stop."""

    def __init__(self, job: Job, done: int) -> None:
        super().__init__()
        self.job, self.done = job, done
        self.form = ".5f" if job.image.rounds_metrics else "g"

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, Any]]) -> bool:
        """Write the round."""
        if self.job.shows_trees:
            self._show_tree(model, epoch)
        if self.job.master:
            self.job.log.line(self.words(epoch, evals_log))
        stops = self.job.stopping.is_set()
        return collective.any_host(stops) if self.job.hosts > 1 else stops

    def words(self, epoch: int, evals_log: dict[str, dict[str, Any]]) -> str:
        """Write the metrics of a round as its line of the log has them."""
        values = [
            f"{data}-{name}:{_value(history[epoch]):{self.form}}"
            for data, log in evals_log.items()
            for name, history in log.items()
        ]
        return "\t".join([f"[{epoch + self.done}]", *values])

    def _show_tree(self, model: Any, epoch: int) -> None:
        """Write what 0.72 says of a finished tree: how many nodes it has below the root, how deep it is."""
        for text in model[epoch : epoch + 1].get_dump():
            lines = text.splitlines()
            depth = max(len(line) - len(line.lstrip("\t")) for line in lines)
            self.job.log.library(
                "src/tree/updater_prune.cc:74: tree pruning end, 1 roots, "
                f"{len(lines) - 1} extra nodes, 0 pruned nodes, max_depth={depth}"
            )


def _value(found: Any) -> float:
    return float(found[0] if isinstance(found, tuple) else found)


class _FirstEarlyStopping(xgboost.callback.EarlyStopping):
    """Stops early in the words of 0.72, whose log names what it watches and the best round."""

    def __init__(self, log: _RoundLog, **options: Any) -> None:
        super().__init__(**options)
        self.log, self.options = log, options

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, Any]]) -> bool:
        """Say at the first round what is watched, and at the last which was the best."""
        say = self.log.job.log.line
        if epoch == 0:
            data = self.options["data_name"]
            watched = f"{data}-{self.options['metric_name'] or list(evals_log[data])[-1]}"
            if sum(map(len, evals_log.values())) > 1:
                say(f"Multiple eval metrics have been passed: '{watched}' will be used for early stopping.")
            say(f"Will train until {watched} hasn't improved in {self.options['rounds']} rounds.")
        stops = bool(super().after_iteration(model, epoch, evals_log))
        if stops:
            say("Stopping. Best iteration:")
            say(self.log.words(int(model.attr("best_iteration")), evals_log))
        return stops


def _latest_checkpoint(job: Job) -> tuple[Any | None, int]:
    """Load the newest checkpoint; the model and the rounds it has had."""
    path, done = newest(job.checkpoints) if job.checkpoints is not None else (None, 0)
    if path is None:
        return None, 0
    model = xgboost.Booster()
    try:
        model.load_model(model_file.checked_bytes(path))
    except (xgboost.core.XGBoostError, model_file.ModelError) as error:
        raise objectives.failure(
            job.image, f"the checkpoint {path.name} cannot be read: {plain(error)}"
        ) from None
    job.log.info(f"Checkpoint loaded from /opt/ml/checkpoints/{path.name}")
    job.log.info(f"Resuming from iteration {done}")
    return model, done


def _early_stopping(job: Job, log: _RoundLog, has_validation: bool) -> list[Any]:
    """Watch the tuning metric, else the last one asked for; older images take what is reported last."""
    if job.patience is None:
        return []
    watched = job.metrics.watched
    if job.image.pickles_models:
        data = "validation" if has_validation else "train"
    elif has_validation and watched is not None:
        data = "validation"
    else:
        return []
    options = {
        "rounds": job.patience,
        "metric_name": watched,
        "data_name": data,
        "maximize": metrics.is_maximised(watched) if watched is not None else None,
        # From 1.3-1 on the model ends with its best round; before, prediction stops there.
        "save_best": not job.image.pickles_models,
    }
    if job.image.is_first and job.master:
        return [_FirstEarlyStopping(log, **options)]
    return [xgboost.callback.EarlyStopping(**options)]
