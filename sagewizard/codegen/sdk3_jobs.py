"""The jobs of the flavor `sdk3`: ModelTrainer, HyperparameterTuner, Transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import boto3_jobs, sdk_jobs
from sagewizard.codegen.boto3_jobs import channels_of
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, assign, call, quoted
from sagewizard.recipe import tuning as recipe_tuning

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

_CONFIGS = "from sagemaker.core.training.configs import "
_SHAPES = "from sagemaker.core.shapes import "


def best(run: Reading) -> str:
    """Return the name of the training job whose model goes on."""
    return "best" if "tune" in run.steps else "trained"


def _trainer(run: Reading, step: str, result: str, name: str) -> tuple[list[str], list[str]]:
    """Return lines that make a trainer for the machines of a step, and what they import.

    `name` is the expression for how the names of its jobs begin; the SDK adds the time.
    """
    machines: dict[str, Any] = {
        "instance_type": run.text("instance_type", step),
        "instance_count": run.number("instance_count", step),
        "volume_size_in_gb": run.number("volume_gb", step),
    }
    longest = run.number("max_runtime_seconds", step)
    ends = {"max_runtime_in_seconds": longest}
    spot = run.flag("spot", step)
    if spot:
        machines["enable_managed_spot_training"] = True
        ends["max_wait_time_in_seconds"] = run.longest_wait(step)
    arguments: dict[str, Any] = {
        "training_image": Code("IMAGE"),
        "role": Code("ROLE"),
        "base_job_name": Code(name),
        "compute": Code(_flat("Compute", machines)),
        "stopping_condition": Code(_flat("StoppingCondition", ends)),
        "output_data_config": Code('OutputDataConfig(s3_output_path=f"s3://{BUCKET}/{NAME}/output")'),
        "hyperparameters": Code("hyperparameters"),
        "tags": Code('[Tag(key=tag["Key"], value=tag["Value"]) for tag in TAGS]'),
        "sagemaker_session": Code("session"),
    }
    imports = [
        f"{_CONFIGS}Compute, OutputDataConfig, StoppingCondition, Tag",
        "from sagemaker.train import ModelTrainer",
    ]
    if spot and run.checkpoints:
        arguments["checkpoint_config"] = Code('CheckpointConfig(s3_uri=f"s3://{BUCKET}/{NAME}/checkpoints")')
        imports.append(f"{_CONFIGS}CheckpointConfig")
    if run.recipe.algorithm.script_mode:
        arguments["source_code"] = Code('SourceCode(source_dir="source", entry_script=SCRIPT)')
        imports.append(f"{_CONFIGS}SourceCode")
    code = "\n".join(call("ModelTrainer", arguments, result=result)).split("\n")
    metrics = run.recipe.file.algorithm.metrics
    if metrics and step == "train":
        rows = [f"        MetricDefinition(name={quoted(each)}, regex={quoted(regex)}),"
                for each, regex in metrics.items()]  # fmt: skip
        code += [f"{result}.with_metric_definitions(", "    [", *rows, "    ]", ")"]
        imports.append(f"{_CONFIGS}MetricDefinition")
    return code, imports


def _flat(function: str, arguments: dict[str, Any]) -> str:
    """Return a call as it stands inside another one, on several lines where it is long."""
    given = [f"{name}={quoted(value) if isinstance(value, str) and not isinstance(value, Code) else value}"
             for name, value in arguments.items()]  # fmt: skip
    text = f"{function}({', '.join(given)})"
    if len(text) <= 78:
        return text
    return "\n".join([f"{function}(", *(f"        {each}," for each in given), "    )"])


def _start(run: Reading) -> tuple[list[str], list[str], list[str]]:
    """Return lines that define image, inputs and hyperparameters, their imports, and what they need."""
    image: dict[str, Any] = {"framework": run.algorithm, "region": Code("REGION")}
    version = sdk_jobs.image_version(run)
    if version:
        image["version"] = version
    if run.recipe.algorithm.script_mode:
        image |= {"instance_type": run.text("instance_type", "train"), "image_scope": "training"}
    code = [*call("image_uris.retrieve", image, result="IMAGE"), "inputs = ["]
    for part, name in channels_of(run).items():
        content = quoted(run.wire.content_type)
        line = f'    InputData(channel_name="{name}", data_source={part}_uri, content_type={content}),'
        code += [line] if len(line) <= 100 else [
            "    InputData(", f'        channel_name="{name}",', f"        data_source={part}_uri,",
            f"        content_type={content},", "    ),",
        ]  # fmt: skip
    code.append("]")
    code += assign("hyperparameters", sdk_jobs.hyperparameters(run))
    needs = ["REGION", "session", "ROLE", "NAME", "TAGS", "BUCKET"]
    needs += [f"{part}_uri" for part in channels_of(run)]
    needs += ["SCRIPT"] if run.recipe.algorithm.script_mode else []
    return code, ["from sagemaker.core import image_uris", f"{_CONFIGS}InputData"], needs


def _get(job: str) -> tuple[str, ...]:
    """Return the arguments that find a training job."""
    return (f"    {quoted(job)}, session=session.boto_session, region=REGION", ")")


def train(run: Reading) -> Section:
    """Return the section that trains, each fold of a cross-validation first where there is one."""
    code, imports, needs = _start(run)
    packages = ["sagemaker"]
    job = "trainer._latest_training_job"
    if run.recipe.folds:
        made, more = _trainer(run, "train", "trainer", "name")
        code += [
            "", "", "def run_job(name, inputs):",
            '    """Train with a trainer of its own; return the job."""',
            *[f"    {line}" for line in made],
            "    trainer.train(input_data_config=inputs, logs=False)", f"    return {job}", "", "",
        ]  # fmt: skip
        content = quoted(run.wire.content_type)
        lines, fold_imports, wanted = boto3_jobs.folds(
            run,
            "[]",
            f"fold.append(InputData(channel_name=name, data_source=uri, content_type={content}))",
            "final_metrics(run_job(job, fold))",
        )
        code += [*lines, "", f"trained = run_job({quoted(run.short_name)}, inputs)"]
        imports += fold_imports
        needs += wanted
        packages += ["numpy", "scikit-learn"]
    else:
        made, more = _trainer(run, "train", "trainer", quoted(run.short_name))
        code += [*made, "trainer.train(input_data_config=inputs, logs=False)",
                 "# The SDK has no public name for the job that it ran.", f"trained = {job}"]  # fmt: skip
    code += [
        "for metric in final_metrics(trained):",
        "    print(f\"{metric['MetricName']:45} {metric['Value']:.5g}\")",
    ]
    done = run.outputs("train")
    known = {"IMAGE": tuple(line for line in _image_lines(code))}
    if done:
        known["trained"] = ("trained = TrainingJob.get(", *_get(done["job"]))
    return Section(
        run.title("train"), tuple(code), step="train", text=run.lesson("train"), imports=(*imports, *more),
        provides=("trained", "inputs", "IMAGE", "hyperparameters"),
        needs=tuple(dict.fromkeys((*needs, "final_metrics"))), known=known,
        known_imports=(
            "from sagemaker.core.resources import TrainingJob", "from sagemaker.core import image_uris",
        ),
        packages=tuple(packages),
    )  # fmt: skip


def _image_lines(code: list[str]) -> list[str]:
    return code[: code.index("inputs = [")]


def tune(run: Reading) -> Section:
    """Return the section that searches hyperparameters; `best` is the training job that goes on."""
    tuning = recipe_tuning.tuning_of(run.recipe)
    trained = "train" in run.steps
    code = ['tuning_job = time.strftime("tune-%Y%m%d-%H%M%S")  # 32 characters at most']
    imports = [
        "import time", "from sagemaker.core.resources import TrainingJob",
        "from sagemaker.train.tuner import HyperparameterTuner",
    ]  # fmt: skip
    needs = ["REGION", "session", "ROLE", "NAME", "TAGS", "BUCKET"]
    known: dict[str, tuple[str, ...]] = {}
    if trained:
        needs += ["IMAGE", "inputs", "hyperparameters"]
        needs += ["SCRIPT"] if run.recipe.algorithm.script_mode else []
    else:
        begun, more, wanted = _start(run)
        code += begun
        imports += more
        needs += wanted
        known["IMAGE"] = tuple(_image_lines(begun))
    made, more = _trainer(run, "tune", "candidate", quoted(run.short_name))
    imports += more
    arguments = {
        "model_trainer": Code("candidate"),
        **sdk_jobs.tuner_arguments(run, tuning, "sagemaker.core.parameter", imports),
    }
    _rarer(tuning, arguments, imports)
    winner = "overall_best_training_job" if tuning.parents else "best_training_job"
    code += [
        *made,
        *call("HyperparameterTuner", arguments, result="tuner"),
        "tuner.tune(inputs=inputs, job_name=tuning_job)",
        "",
        f"winner = tuner.describe().{winner}",
        "figure = winner.final_hyper_parameter_tuning_job_objective_metric",
        'print(f"Best {figure.metric_name}: {figure.value:.5g}, with")',
        "for name, value in winner.tuned_hyper_parameters.items():",
        '    print(f"  {name:24} {value}")',
        "best = TrainingJob.get(",
        "    winner.training_job_name, session=session.boto_session, region=REGION",
        ")",
    ]
    if tuning.better and trained:
        code += boto3_jobs.better(tuning, "final_metrics(trained)", "figure.value", "best = trained")
        needs += ["trained", "final_metrics"]
    done = run.outputs("tune")
    if done:
        known["best"] = ("best = TrainingJob.get(", *_get(done["job"]))
    provides = ("tuning_job", "tuner", "best", *(() if trained else ("inputs", "IMAGE", "hyperparameters")))
    return Section(
        run.title("tune"), tuple(code), step="tune", text=run.lesson("tune"), imports=tuple(imports),
        provides=provides, needs=tuple(dict.fromkeys(needs)), known=known,
        known_imports=(
            "from sagemaker.core.resources import TrainingJob", "from sagemaker.core import image_uris",
        ),
        packages=("sagemaker",),
    )  # fmt: skip


def _rarer(tuning: recipe_tuning.Tuning, arguments: dict[str, Any], imports: list[str]) -> None:
    """Add the options of a tuning that few recipes set."""
    epochs = {"min_resource": tuning.min_epochs, "max_resource": tuning.max_epochs}
    given = {name: value for name, value in epochs.items() if value is not None}
    if given:
        arguments["strategy_config"] = Code(
            "HyperParameterTuningJobStrategyConfig(\n"
            f"        hyperband_strategy_config={_flat('HyperbandStrategyConfig', given)}\n    )"
        )
        imports.append(f"{_SHAPES}HyperbandStrategyConfig, HyperParameterTuningJobStrategyConfig")
    ends: dict[str, Any] = {}
    if tuning.target_value is not None:
        ends["target_objective_metric_value"] = tuning.target_value
    if tuning.not_improving is not None:
        stale = {"max_number_of_training_jobs_not_improving": tuning.not_improving}
        ends["best_objective_not_improving"] = Code(_flat("BestObjectiveNotImproving", stale))
        imports.append(f"{_SHAPES}BestObjectiveNotImproving")
    if ends:
        listed = "".join(f"        {name}={value},\n" for name, value in ends.items())
        arguments["completion_criteria_config"] = Code(f"TuningJobCompletionCriteria(\n{listed}    )")
        imports.append(f"{_SHAPES}TuningJobCompletionCriteria")
    if tuning.parents:
        parents = "".join(
            f"            ParentHyperParameterTuningJob(hyper_parameter_tuning_job_name={quoted(parent)}),\n"
            for parent in tuning.parents
        )
        arguments["warm_start_config"] = Code(
            "HyperParameterTuningJobWarmStartConfig(\n"
            f"        warm_start_type={quoted(tuning.warm_start_type)},\n"
            f"        parent_hyper_parameter_tuning_jobs=[\n{parents}        ],\n    )"
        )
        imports.append(f"{_SHAPES}HyperParameterTuningJobWarmStartConfig, ParentHyperParameterTuningJob")


def transform(run: Reading) -> Section:
    """Return the section that runs the batch transform and reads its output."""
    return sdk_jobs.transform(run, "sagemaker.core.transformer", "model.model_name", {"logs": False})
