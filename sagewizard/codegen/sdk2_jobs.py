"""The jobs of the flavor `sdk2`: Estimator, HyperparameterTuner, Transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import boto3_jobs, sdk_jobs
from sagewizard.codegen.boto3_jobs import channels_of
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, assign, call, quoted
from sagewizard.recipe import tuning as recipe_tuning

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

_SIZES = ("instance_type", "instance_count", "volume_gb", "max_runtime_seconds")


def best(run: Reading) -> str:
    """Return the name of the estimator whose model goes on."""
    return "best" if "tune" in run.steps else "estimator"


def _estimator(run: Reading, step: str, result: str) -> tuple[list[str], list[str]]:
    """Return lines that make an estimator for the machines of a step, and what they import."""
    script = run.recipe.algorithm.script_mode
    metrics = [{"Name": name, "Regex": regex} for name, regex in run.recipe.file.algorithm.metrics.items()]
    arguments: dict[str, Any] = {}
    if script:
        arguments |= {
            "entry_point": Code("SCRIPT"), "framework_version": run.recipe.version, "py_version": "py3",
        }  # fmt: skip
    else:
        arguments["image_uri"] = Code("IMAGE")
    arguments |= {
        "role": Code("ROLE"),
        "instance_count": run.number("instance_count", step),
        "instance_type": run.text("instance_type", step),
        "volume_size": run.number("volume_gb", step),
        "max_run": run.number("max_runtime_seconds", step),
        "output_path": Code('f"s3://{BUCKET}/{NAME}/output"'),
        "hyperparameters": Code("hyperparameters"),
        **({"metric_definitions": metrics} if metrics else {}),
        "tags": Code("TAGS"),
        "sagemaker_session": Code("session"),
    }
    if run.flag("spot", step):
        arguments |= {"use_spot_instances": True, "max_wait": run.longest_wait(step)}
        if run.checkpoints:
            arguments["checkpoint_s3_uri"] = Code('f"s3://{BUCKET}/{NAME}/checkpoints"')
    if script:
        arguments["code_location"] = Code('f"s3://{BUCKET}/{NAME}/source"')
    kind = "SKLearn" if script else "Estimator"
    module = "sagemaker.sklearn.estimator" if script else "sagemaker.estimator"
    return list(call(kind, arguments, result=result)), [f"from {module} import {kind}"]


def _start(run: Reading) -> tuple[list[str], list[str], list[str]]:
    """Return lines that define image, inputs and hyperparameters, their imports, and what they need."""
    code: list[str] = []
    imports = ["from sagemaker.inputs import TrainingInput"]
    needs = ["session", "ROLE", "NAME", "TAGS", "BUCKET", *(f"{part}_uri" for part in channels_of(run))]
    if run.recipe.algorithm.script_mode:
        needs.append("SCRIPT")
    else:
        version = sdk_jobs.image_version(run)
        said = f", version={quoted(version)}" if version else ""
        code.append(f"IMAGE = image_uris.retrieve({quoted(run.algorithm)}, REGION{said})")
        imports.append("from sagemaker import image_uris")
        needs.append("REGION")
    code.append("inputs = {")
    for part, name in channels_of(run).items():
        content = quoted(run.wire.content_type)
        line = f'    "{name}": TrainingInput({part}_uri, content_type={content}),'
        code += [line] if len(line) <= 100 else [
            f'    "{name}": TrainingInput(', f"        {part}_uri, content_type={content}", "    ),"
        ]  # fmt: skip
    code.append("}")
    code += assign("hyperparameters", sdk_jobs.hyperparameters(run))
    return code, imports, needs


def train(run: Reading) -> Section:
    """Return the section that trains, each fold of a cross-validation first where there is one."""
    code, imports, needs = _start(run)
    made, more = _estimator(run, "train", "estimator")
    packages = ["sagemaker"]
    fit = 'estimator.fit(inputs, job_name=f"{NAME}-train", logs=False)'
    if run.recipe.folds:
        inner, _more = _estimator(run, "train", "estimator")
        code += [
            "", "", "def run_job(job, inputs):", '    """Train with an estimator of its own; return it."""',
            *[f"    {line}" for line in inner], "    estimator.fit(inputs, job_name=job, logs=False)",
            "    return estimator", "", "",
            "def final_metrics(estimator):", '    """Return what the job of an estimator reports."""',
            '    return estimator.latest_training_job.describe().get("FinalMetricDataList", [])', "", "",
        ]  # fmt: skip
        content = quoted(run.wire.content_type)
        lines, more_imports, wanted = boto3_jobs.folds(
            run,
            "{}",
            f"fold[name] = TrainingInput(uri, content_type={content})",
            "final_metrics(run_job(job, fold))",
        )
        code += lines
        imports += more_imports
        needs += wanted
        packages += ["numpy", "scikit-learn"]
        code += ["", 'estimator = run_job(f"{NAME}-train", inputs)']
    else:
        code += [*made, fit]
    code += [
        "trained = estimator.latest_training_job.describe()",
        'for metric in trained.get("FinalMetricDataList", []):',
        "    print(f\"{metric['MetricName']:45} {metric['Value']:.5g}\")",
    ]
    known: dict[str, tuple[str, ...]] = {}
    done = run.outputs("train")
    kind = "SKLearn" if run.recipe.algorithm.script_mode else "Estimator"
    if done:
        attach = f"estimator = {kind}.attach({quoted(done['job'])}, sagemaker_session=session)"
        known["estimator"] = (attach,)
    return Section(
        run.title("train"), tuple(code), step="train", text=run.lesson("train"),
        imports=(*imports, *more), provides=("estimator", "inputs", "trained", "IMAGE", "hyperparameters"),
        needs=tuple(dict.fromkeys(needs)), known=known, known_imports=tuple(more),
        packages=tuple(packages),
    )  # fmt: skip


def tune(run: Reading) -> Section:
    """Return the section that searches hyperparameters; `best` is the estimator of the best job."""
    tuning = recipe_tuning.tuning_of(run.recipe)
    trained = "train" in run.steps
    same = trained and all(
        run.recipe.value(f"train.{name}") == run.recipe.value(f"tune.{name}") for name in _SIZES
    )
    code: list[str] = ['tuning_job = time.strftime("tune-%Y%m%d-%H%M%S")  # 32 characters at most']
    imports = ["import time", "from sagemaker.tuner import HyperparameterTuner"]
    needs = ["session", "ROLE", "NAME", "TAGS", "BUCKET"]
    if trained:
        needs += ["estimator", "inputs"]
    else:
        begun, more, wanted = _start(run)
        code += begun
        imports += more
        needs += wanted
    name = "estimator" if same or not trained else "candidate"
    if not same:
        made, more = _estimator(run, "tune", name)
        code += made
        imports += more
        needs += ["hyperparameters"] if trained else []
        if trained:
            needs.append("SCRIPT" if run.recipe.algorithm.script_mode else "IMAGE")
    arguments = {
        "estimator": Code(name), **sdk_jobs.tuner_arguments(run, tuning, "sagemaker.tuner", imports),
        "tags": Code("TAGS"),
    }  # fmt: skip
    _rarer(tuning, arguments, imports)
    code += call("HyperparameterTuner", arguments, result="tuner")
    keep = "" if run.recipe.algorithm.script_mode else ", include_cls_metadata=False"
    code += [
        f"tuner.fit(inputs, job_name=tuning_job{keep}, wait=False)",
        "tuner.wait()",
        "",
        "best = tuner.best_estimator()",
        'winner = tuner.describe()["BestTrainingJob"]',
        'figure = winner["FinalHyperParameterTuningJobObjectiveMetric"]',
        "print(f\"Best {figure['MetricName']}: {figure['Value']:.5g}, with\")",
        'for name, value in winner["TunedHyperParameters"].items():',
        '    print(f"  {name:24} {value}")',
    ]
    if tuning.better and trained:
        metrics = 'trained["FinalMetricDataList"]'
        code += boto3_jobs.better(tuning, metrics, 'figure["Value"]', "best = estimator")
        needs.append("trained")
    done = run.outputs("tune")
    kind = "SKLearn" if run.recipe.algorithm.script_mode else "Estimator"
    module = "sagemaker.sklearn.estimator" if kind == "SKLearn" else "sagemaker.estimator"
    known: dict[str, tuple[str, ...]] = {}
    if done:
        known["best"] = (f"best = {kind}.attach({quoted(done['job'])}, sagemaker_session=session)",)
    return Section(
        run.title("tune"), tuple(code), step="tune", text=run.lesson("tune"), imports=tuple(imports),
        provides=("tuning_job", "tuner", "best", *(() if trained else ("estimator", "inputs"))),
        needs=tuple(dict.fromkeys(needs)), known=known,
        known_imports=(f"from {module} import {kind}",), packages=("sagemaker",),
    )  # fmt: skip


def _rarer(tuning: recipe_tuning.Tuning, arguments: dict[str, Any], imports: list[str]) -> None:
    """Add the options of a tuning that few recipes set."""
    epochs = {"min_resource": tuning.min_epochs, "max_resource": tuning.max_epochs}
    given = ", ".join(f"{name}={value}" for name, value in epochs.items() if value is not None)
    if given:
        arguments["strategy_config"] = Code(f"StrategyConfig(HyperbandStrategyConfig({given}))")
        imports.append("from sagemaker.tuner import HyperbandStrategyConfig, StrategyConfig")
    ends = {
        "target_objective_metric_value": tuning.target_value,
        "max_number_of_training_jobs_not_improving": tuning.not_improving,
    }
    given = ", ".join(f"{name}={value}" for name, value in ends.items() if value is not None)
    if given:
        arguments["completion_criteria_config"] = Code(f"TuningJobCompletionCriteriaConfig({given})")
        imports.append("from sagemaker.tuner import TuningJobCompletionCriteriaConfig")
    if tuning.parents:
        kind = {"IdenticalDataAndAlgorithm": "IDENTICAL_DATA_AND_ALGORITHM"}.get(
            tuning.warm_start_type, "TRANSFER_LEARNING"
        )
        listed = ", ".join(quoted(parent) for parent in tuning.parents)
        arguments["warm_start_config"] = Code(f"WarmStartConfig(WarmStartTypes.{kind}, parents={{{listed}}})")
        imports.append("from sagemaker.tuner import WarmStartConfig, WarmStartTypes")


def transform(run: Reading) -> Section:
    """Return the section that runs the batch transform and reads its output."""
    return sdk_jobs.transform(run, "sagemaker.transformer", "model", {"wait": True, "logs": False})
