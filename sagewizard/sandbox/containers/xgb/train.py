"""The training program of XGBoost in algorithm mode: from the channels of a job to xgboost-model."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import CustomerError, run_training
from sagewizard.sandbox.containers.xgb import channels, model_file, objectives, parameters, rules
from sagewizard.sandbox.containers.xgb.image import Image, image_of
from sagewizard.sandbox.containers.xgb.log import TOOLKIT, TRAINING, XgboostLog
from sagewizard.sandbox.containers.xgb.matrices import MatrixReader, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagewizard.sandbox.containers.contract import TrainingContainer

_CHECKPOINTS = "/opt/ml/checkpoints"


def main() -> int:
    """Run the job the environment describes; the exit code is that of the container."""
    return run(os.environ)


def run(environ: Mapping[str, str], clock: Any = None) -> int:
    """Run a job in the tree that `environ` names, as the image version it names."""
    image = image_of(environ)
    instance_type = environ.get("SM_CURRENT_INSTANCE_TYPE", "")
    return run_training(
        lambda container: Training(container, image, instance_type).run(),
        environ,
        clock,
        lambda clock: XgboostLog(image, clock),
    )


class Training:
    """One job on one host."""

    def __init__(self, container: TrainingContainer, image: Image, instance_type: str = "") -> None:
        self.container, self.image, self.instance_type = container, image, instance_type
        log = container.log
        self.log = log if isinstance(log, XgboostLog) else XgboostLog(image, container.clock)
        self.reader = MatrixReader(container, image, self.log)
        self.matrices: dict[str, Any] = {}
        self.files: dict[str, channels.Files] = {}
        self.form = ""
        self.values: dict[str, Any] = {}

    def run(self) -> None:
        """Check, read, train and save; every refusal is a JobError with the container's sentence."""
        self._greet()
        self.values = rules.check(self.image, self.container.hyperparameters)
        self.form = channels.check(self.container)
        if self.image.since("1.5-1"):
            self.log.info("Determined 0 GPU(s) available on the instance.")
        self._read()
        self._check_data()
        hosts = self.container.hosts
        if len(hosts) > 1:
            from sagewizard.sandbox.containers.xgb import collective

            self.log.info(f"Distributed node training with {len(hosts)} hosts: {list(hosts)}")
            collective.train_together(self)
            return
        if self.image.is_first:
            self._refuse_emptiness()
        if "train" not in self.matrices:
            raise CustomerError(f"No data in training channel path {self._path('train')}")
        if "validation" in self.container.channels and "validation" not in self.matrices:
            raise CustomerError(f"No data in validation channel path {self._path('validation')}")
        if not self.image.is_first:
            self.log.info("Single node training.")
        self.train(master=True, hosts=1)

    def _check_data(self) -> None:
        """Refuse labels and widths that cannot be trained on, before other hosts rely on this one."""
        found = {name: matrix.get_label() for name, matrix in self.matrices.items()}
        objectives.check(self.image, self.values, found)
        if len(self.matrices) == 2:
            widths = (self.matrices[name].num_col() for name in ("train", "validation"))
            objectives.check_widths(self.image, *widths)
        if self.values.get("objective") == "survival:aft":
            for matrix in self.matrices.values():
                matrix.set_info(label_lower_bound=matrix.get_label(), label_upper_bound=matrix.get_label())

    def train(self, *, master: bool, hosts: int) -> None:
        """Train on what was read, alone or inside a collective; the master saves the model."""
        from sagewizard.sandbox.containers.xgb import boosting, folds, notices

        values, matrix = self.values, self.matrices["train"]
        validation = self.matrices.get("validation")
        chosen = parameters.choose_metrics(self.image, values, self.log)
        self._sizes(matrix, validation)
        checkpoints = _checkpoint_folder(self.container.base)
        job = boosting.Job(
            self.image,
            self.log,
            parameters.build(
                self.image,
                values,
                chosen,
                rows=matrix.num_row(),
                hosts=hosts,
                instance_type=self.instance_type,
            ),
            chosen,
            values["num_round"],
            self.container.stopping,
            values.get("early_stopping_rounds"),
            checkpoints if checkpoints.is_dir() and "_kfold" not in values else None,
            master,
            hosts,
            shows_trees=self.image.is_first and values.get("silent", 0) == 0,
        )
        for warning in notices.of(self.image, values):
            self.log.library(warning)
        if "_kfold" in values:
            boosters = folds.cross_validate(
                job,
                self._all_rows(),
                values["_kfold"],
                values.get("_num_cv_round", 1),
                values.get("seed", 0),
                self.container.base / "output" / "data",
            )
        else:
            boosters = [boosting.boost(job, matrix, validation)]
        if not master or (self.container.stopping.is_set() and not self._keeps_when_stopped()):
            return
        self.container.model.mkdir(parents=True, exist_ok=True)
        numbered = "_kfold" in values
        for number, booster in enumerate(boosters):
            name = f"{model_file.NAME}-{number}" if numbered else model_file.NAME
            model_file.write(self.image, booster, self.container.model / name)

    def _refuse_emptiness(self) -> None:
        """Refuse a channel without data in the words of 0.72."""
        for name, files in self.files.items():
            if not files.paths:
                raise CustomerError(
                    f"No file found in path {self._path(name)}. If you are using ShardedByS3Key, make sure "
                    "every machine get at least one partition file"
                )

    def _keeps_when_stopped(self) -> bool:
        return self.image.pickles_models or self.values.get("save_model_on_termination") == "true"

    def _greet(self) -> None:
        if self.image.is_first:
            self.log.line("Arguments: train")
            self.log.info("Running standalone xgboost training.")
            return
        self.log.named(TOOLKIT, "Imported framework sagemaker_xgboost_container.training")
        for name, text in self.container.hyperparameters.items():
            if not _is_json(text):
                self.log.named(
                    TOOLKIT,
                    f"Failed to parse hyperparameter {name} value {text} to Json.\n"
                    "Returning the value itself",
                )
        self.log.named(TOOLKIT, "No GPUs detected (normal if no gpus installed)")
        self.log.named(TRAINING, "Running XGBoost Sagemaker in algorithm mode")

    def _path(self, name: str) -> str:
        return self.container.shown(self.container.channels[name].path)

    def _read(self) -> None:
        """List, check and read the channels that hold data."""
        for name in ("train", "validation"):
            if name in self.container.channels:
                files = channels.data_files(self.container.channels[name])
                if files.too_deep:
                    self.log.warning(
                        f"The depth of folder {self._path(name)} exceed the limit {channels.DEEPEST}. Files "
                        "in deeper sub dirs won't be loaded. Please adjust the folder structure accordingly."
                    )
                self.files[name] = files
        self._file_sizes()
        for files in self.files.values():
            self.reader.check(files, self.form)
        self._warn_of_copies()
        weighs = self.values.get("csv_weights", 0) == 1
        for name, files in self.files.items():
            if files.paths:
                if self.image.is_first:
                    spread = self.container.channels[name].distribution
                    self.log.library(f"S3DistributionType set as {spread}")
                self.matrices[name] = self.reader.read(
                    Source(files.paths, self.form, self._path(name), weighs)
                )

    def _file_sizes(self) -> None:
        if self.image.is_first:
            size = sum(path.stat().st_size for files in self.files.values() for path in files.paths)
            text = f"File size need to be processed in the node: {round(size / (1 << 20), 2)}mb."
            free = _free_memory()
            self.log.info(f"{text} Available memory size in the node: {free}mb" if free else text)

    def _warn_of_copies(self) -> None:
        """Warn of files of the same name and size in train and validation, as newer versions do."""
        if not self.image.since("1.5-1") or len(self.files) < 2:
            return
        sizes = {path.name: path for path in self.files["train"].paths}
        for path in self.files["validation"].paths:
            twin = sizes.get(path.name)
            size = path.stat().st_size
            if twin is not None and twin.stat().st_size == size:
                shown = self.container.shown
                self.log.warning(
                    f"Suspected identical files found. ({shown(twin)} and {shown(path)}with same size {size} "
                    "bytes). Note: Duplicate data in the training set and validation set is usually not "
                    "intentional and can impair the validity of the model evaluation by the validation score."
                )

    def _all_rows(self) -> Any:
        """Read train and validation as one matrix, for cross-validation."""
        if "validation" not in self.matrices:
            return self.matrices["train"]
        self.log.info("Read both train and validation data into one DMatrix")
        paths = [path for files in self.files.values() for path in files.paths]
        weighs = self.values.get("csv_weights", 0) == 1
        matrix = self.reader.read(Source(paths, self.form, self._path("train"), weighs))
        if self.values.get("objective") == "survival:aft":
            matrix.set_info(label_lower_bound=matrix.get_label(), label_upper_bound=matrix.get_label())
        return matrix

    def _sizes(self, matrix: Any, validation: Any | None) -> None:
        if self.image.is_first:
            return
        columns = f" and {matrix.num_col()} columns" if self.image.since("1.3-1") else ""
        self.log.info(f"Train matrix has {matrix.num_row()} rows{columns}")
        if validation is not None:
            self.log.info(f"Validation matrix has {validation.num_row()} rows")


def _is_json(text: str) -> bool:
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _checkpoint_folder(base: Path) -> Path:
    """Return the folder that the job keeps its checkpoints in; it does not exist without any."""
    try:
        config = json.loads((base / "input" / "config" / "checkpointconfig.json").read_text())
        path = str(config["LocalPath"])
    except (OSError, ValueError, KeyError, TypeError):
        path = _CHECKPOINTS
    return base / path.removeprefix("/opt/ml/")


def _free_memory() -> float | None:
    """Return the memory that is free on this machine in MB; None where the system does not tell."""
    try:
        return round(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 20), 2)
    except (ValueError, OSError, AttributeError):
        return None
