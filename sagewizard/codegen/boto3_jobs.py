"""The jobs of the flavor `boto3`: training with or without folds, tuning, batch transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import evaluating
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, assign, call, literal, quoted
from sagewizard.engine.formats import RECORDIO
from sagewizard.recipe import tuning as recipe_tuning

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

_CHANNEL = '''\
def channel(name, uri):
    """Describe where a training job finds one of its inputs."""
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "ContentType": "{content_type}",
        "CompressionType": "None",
        "RecordWrapperType": "None",
    }'''


def channels_of(run: Reading) -> dict[str, str]:
    """Return the channels of the training job by the part of the data that goes into them."""
    return {part: name for part, name in run.wire.channels.items() if part in run.parts}


def _image(run: Reading) -> list[str]:
    from sagewizard.codegen.pieces import image_of

    return list(assign("IMAGE", image_of(run)))


def _definition(run: Reading, step: str, job: str) -> dict[str, Any]:
    """Return what describes a training job apart from its name, hyperparameters and tags."""
    algorithm: dict[str, Any] = {"TrainingImage": Code("IMAGE"), "TrainingInputMode": "File"}
    metrics = run.recipe.file.algorithm.metrics
    if metrics:
        algorithm["MetricDefinitions"] = [{"Name": name, "Regex": regex} for name, regex in metrics.items()]
    return {
        "AlgorithmSpecification": algorithm,
        "RoleArn": Code("ROLE"),
        "InputDataConfig": Code("channels"),
        "OutputDataConfig": {"S3OutputPath": Code('f"s3://{BUCKET}/{NAME}/output"')},
        "ResourceConfig": {
            "InstanceType": run.text("instance_type", step),
            "InstanceCount": run.number("instance_count", step),
            "VolumeSizeInGB": run.number("volume_gb", step),
        },
        **_stopping(run, step, job),
    }


def _stopping(run: Reading, step: str, job: str) -> dict[str, Any]:
    """Return what ends a job in any case, and what a job on spare capacity says besides."""
    longest = run.number("max_runtime_seconds", step)
    if not run.flag("spot", step):
        return {"StoppingCondition": {"MaxRuntimeInSeconds": longest}}
    checkpoints = run.checkpoints
    wait = run.longest_wait(step)
    place = {"S3Uri": Code(f'f"s3://{{BUCKET}}/{{NAME}}/checkpoints/{{{job}}}"')}
    return {
        "StoppingCondition": {"MaxRuntimeInSeconds": longest, "MaxWaitTimeInSeconds": wait},
        "EnableManagedSpotTraining": True,
        **({"CheckpointConfig": place} if checkpoints else {}),
    }


def _shared(run: Reading) -> list[str]:
    """Return lines that define `channel`, `IMAGE` and `channels`."""
    code = [*_CHANNEL.replace("{content_type}", run.wire.content_type).split("\n"), "", "", *_image(run)]
    listed = [Code(f'channel("{name}", {part}_uri)') for part, name in channels_of(run).items()]
    return [*code, *assign("channels", listed)]


def _script_parameters(run: Reading, job: str) -> list[str]:
    """Return lines that add what the image of script mode reads itself; its values are JSON."""
    if not run.recipe.algorithm.script_mode:
        return []
    return [
        "# What the image reads itself; in script mode every such value is JSON.",
        "hyperparameters |= {",
        '    "sagemaker_program": json.dumps(SCRIPT),',
        '    "sagemaker_submit_directory": json.dumps(script_uri),',
        '    "sagemaker_container_log_level": "20",',
        f'    "sagemaker_job_name": json.dumps({job}),',
        '    "sagemaker_region": json.dumps(REGION),',
        "}",
    ]


def _needs(run: Reading) -> list[str]:
    needs = ["sagemaker", "NAME", "TAGS", "ROLE", "BUCKET", "wait_for"]
    needs += [f"{part}_uri" for part in channels_of(run)]
    return needs + (["SCRIPT", "script_uri", "REGION"] if run.recipe.algorithm.script_mode else [])


def train(run: Reading) -> Section:
    """Return the section that trains, each fold of a cross-validation first where there is one."""
    code = [*_shared(run), *assign("hyperparameters", run.recipe.effective_hyperparameters())]
    needs, imports, packages = _needs(run), [], ["boto3"]
    definition = _definition(run, "train", "job" if run.recipe.folds else "training_job")
    if run.recipe.folds:
        definition["InputDataConfig"] = Code("inputs")
    request = {
        "TrainingJobName": Code("job"), "HyperParameters": Code("hyperparameters"), **definition,
        "Tags": Code("TAGS"),
    }  # fmt: skip
    described = "sagemaker.describe_training_job"
    wait = f'wait_for({described}, "TrainingJobStatus", TrainingJobName={{}})'
    if run.recipe.folds:
        lines = [f"    {line}" for line in call("sagemaker.create_training_job", request)]
        code += [
            "", "", "def run_job(job, inputs):", '    """Train, wait, and return what became of the job."""',
            *[f"    {line}" for line in _script_parameters(run, "job")],
            *lines, f"    return {wait.format('job')}", "", "",
        ]  # fmt: skip
        lines, more, wanted = folds(
            run, "[]", "fold.append(channel(name, uri))", 'run_job(job, fold).get("FinalMetricDataList", [])'
        )
        code += lines
        imports += more
        needs += wanted
        packages += ["numpy", "scikit-learn"]
        code += ["", 'training_job = f"{NAME}-train"', "trained = run_job(training_job, channels)"]
    else:
        request["TrainingJobName"] = Code("training_job")
        code += ["", 'training_job = f"{NAME}-train"', *_script_parameters(run, "training_job"),
                 *call("sagemaker.create_training_job", request),
                 "trained = wait_for(",
                 f'    {described}, "TrainingJobStatus", TrainingJobName=training_job', ")"]  # fmt: skip
    if run.recipe.algorithm.script_mode:
        imports.append("import json")
    code += [
        'model_data = trained["ModelArtifacts"]["S3ModelArtifacts"]',
        'for metric in trained.get("FinalMetricDataList", []):',
        "    print(f\"{metric['MetricName']:45} {metric['Value']:.5g}\")",
    ]
    made = run.outputs("train")
    known = {"IMAGE": tuple(_image(run))}
    if made:
        known |= {
            "training_job": assign("training_job", made["job"]),
            "model_data": assign("model_data", made["model_artifact"]),
        }
    alone = "tune" not in run.steps
    provides = ("training_job", "trained", "channel", "channels", "IMAGE", "hyperparameters")
    return Section(
        run.title("train"), tuple(code), step="train", text=run.lesson("train"), imports=tuple(imports),
        provides=(*provides, *(("model_data",) if alone else ())), needs=tuple(dict.fromkeys(needs)),
        known=known, packages=tuple(packages),
    )  # fmt: skip


def _divider(run: Reading) -> str:
    from sagewizard.engine.folds import stratified

    return "StratifiedKFold" if stratified(run.recipe) else "KFold"


def folds(run: Reading, inputs: str, entry: str, metrics: str) -> tuple[list[str], list[str], list[str]]:
    """Return lines that train once for each fold and tell mean and spread; their imports and needs.

    `inputs` is how the inputs of a job begin, `entry` adds one of them by `name` and `uri`, and `metrics` is
    an expression for the final metrics of the job `job` with these inputs.
    """
    wire, count = run.wire, run.recipe.folds
    seed = int(run.recipe.value("dataset.seed") or 0)
    recordio = wire.content_type == RECORDIO
    writer = "to_recordio" if recordio else "to_csv"
    parts = list(channels_of(run))
    pool = {kind: ", ".join(f"{part}_{kind}" for part in parts) for kind in "xy"}
    strata = ", pool_y" if _divider(run) == "StratifiedKFold" else ""
    body = f"{writer}(pool_x[chosen]{', pool_y[chosen]' if wire.labels else ''})"
    lines = [
        "# Cross-validation: the rows that are not the test part, in folds; each is held back once.",
        f"pool_x, pool_y = np.concatenate([{pool['x']}]), np.concatenate([{pool['y']}])",
        f"folds = {_divider(run)}({count}, shuffle=True, random_state={seed})",
        "figures = {}",
        f"for number, (kept, held_back) in enumerate(folds.split(pool_x{strata}), 1):",
        f"    fold = {inputs}",
        "    for name, key, chosen in [",
    ]
    for part, rows in (("train", "kept"), ("validation", "held_back")):
        key = f"{wire.folders[part]}/{part}.{wire.suffix}"
        lines.append(f'        ("{wire.channels[part]}", "{key}", {rows}),')
    lines += [
        "    ]:",
        f"        body = {body}{'' if recordio else '.encode()'}",
        f'        uri = upload(f"folds-1/{{number}}/{{key}}", body, "{wire.content_type}")',
        f"        {entry}",
        '    job = f"{NAME}-fold{number}"',
        f"    for metric in {metrics}:",
        '        figures.setdefault(metric["MetricName"], []).append(metric["Value"])',
        "for name, values in figures.items():",
    ]
    figure = '    print(f"{name:45} {np.mean(values):.4f} +- {np.std(values, ddof=1):.4f}")'
    if run.recipe.algorithm.script_mode:
        lines.append(figure)
    else:
        start = f"{wire.channels['validation']}:"
        lines += [f"    if name.startswith({quoted(start)}):", f"    {figure}"]
    imports = ["import numpy as np", f"from sklearn.model_selection import {_divider(run)}"]
    return lines, imports, ["upload", writer, *(f"{part}_{kind}" for part in parts for kind in "xy")]


def tune(run: Reading) -> Section:
    """Return the section that searches hyperparameters and goes on with the best model."""
    tuning = recipe_tuning.tuning_of(run.recipe)
    trained = "train" in run.steps
    code: list[str] = [] if trained else _shared(run)
    needs = _needs(run)
    if trained:
        needs += ["channels", "IMAGE"]
    definition = _definition(run, "tune", "tuning_job")
    definition["StaticHyperParameters"] = Code("static")
    code += [*assign("static", tuning.static)]
    if run.recipe.algorithm.script_mode:
        code += [line.replace("hyperparameters |=", "static |=")
                 for line in _script_parameters(run, "tuning_job")]  # fmt: skip
    code = ['tuning_job = time.strftime("tune-%Y%m%d-%H%M%S")  # 32 characters at most', *code]
    request: dict[str, Any] = {
        "HyperParameterTuningJobName": Code("tuning_job"),
        **recipe_tuning.as_request(tuning, tuning.max_seconds),
        "TrainingJobDefinition": definition,
        "Tags": Code("TAGS"),
    }
    code += call("sagemaker.create_hyper_parameter_tuning_job", request)
    code += [
        "tuned = wait_for(",
        "    sagemaker.describe_hyper_parameter_tuning_job,",
        '    "HyperParameterTuningJobStatus",',
        "    HyperParameterTuningJobName=tuning_job,",
        ")",
        f'best = tuned["{"OverallBestTrainingJob" if tuning.parents else "BestTrainingJob"}"]',
        'figure = best["FinalHyperParameterTuningJobObjectiveMetric"]',
        "print(f\"Best {figure['MetricName']}: {figure['Value']:.5g}, with\")",
        'for name, value in best["TunedHyperParameters"].items():',
        '    print(f"  {name:24} {value}")',
        'chosen = sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])',
        'model_data = chosen["ModelArtifacts"]["S3ModelArtifacts"]',
    ]
    if tuning.better and trained:
        then = 'model_data = trained["ModelArtifacts"]["S3ModelArtifacts"]'
        code += better(tuning, 'trained["FinalMetricDataList"]', 'figure["Value"]', then)
        needs.append("trained")
    made = run.outputs("tune")
    known: dict[str, tuple[str, ...]] = {}
    if made:
        known["model_data"] = assign("model_data", made["model_artifact"])
    if not trained:
        known["IMAGE"] = tuple(_image(run))
    imports = ("import time", *(("import json",) if run.recipe.algorithm.script_mode else ()))
    return Section(
        run.title("tune"), tuple(code), step="tune", text=run.lesson("tune"), imports=imports,
        provides=("tuning_job", "model_data", *(() if trained else ("IMAGE", "channels"))),
        needs=tuple(dict.fromkeys(needs)), known=known, packages=("boto3",),
    )  # fmt: skip


def better(tuning: recipe_tuning.Tuning, metrics: str, figure: str, then: str) -> list[str]:
    """Return lines that go on with the model of the training job before where it did better.

    `metrics` is an expression for the final metrics of that job, `figure` for the tuning's best, and `then`
    is the line that takes the model.
    """
    before = f'{{metric["MetricName"]: metric["Value"] for metric in {metrics}}}'
    return [
        "",
        "# The model of the training job before goes on where it did better.",
        f"before = {before}",
        f"if before[{quoted(tuning.objective)}] {'>' if tuning.goal == 'Maximize' else '<'} {figure}:",
        f"    {then}",
    ]


def transform(run: Reading) -> Section:
    """Return the section that runs the batch transform and reads its output."""
    file = f"{run.wire.batch[1]}.out"
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": Code("batch_uri")}}}
    request = {
        "TransformJobName": Code("transform_job"),
        "ModelName": Code("model"),
        "BatchStrategy": run.text("strategy", "transform"),
        "MaxPayloadInMB": run.number("max_payload_mb", "transform"),
        "TransformInput": {
            **source, "ContentType": "text/csv", "SplitType": "Line", "CompressionType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": Code('f"s3://{BUCKET}/{output}"'),
            "Accept": run.wire.batch_answers,
            "AssembleWith": "Line",
        },
        "TransformResources": {
            "InstanceType": run.text("instance_type", "transform"),
            "InstanceCount": run.number("instance_count", "transform"),
        },
        "Tags": Code("TAGS"),
    }  # fmt: skip
    code = [
        'transform_job = f"{NAME}-transform"',
        'output = f"{NAME}/transform/{transform_job}"',
        *call("sagemaker.create_transform_job", request),
        "wait_for(",
        '    sagemaker.describe_transform_job, "TransformJobStatus", TransformJobName=transform_job',
        ")",
        f'reply = s3.get_object(Bucket=BUCKET, Key=f"{{output}}/{file}")',
        'text = reply["Body"].read().decode()',
        f"batch_answers = {evaluating.from_transform(run, 'text')}",
        f'print(f"{{len(batch_answers):,}} answers in s3://{{BUCKET}}/{{output}}/{file}")',
    ]
    needs = ["sagemaker", "s3", "NAME", "TAGS", "BUCKET", "wait_for", "model", "batch_uri"]
    needs += evaluating.answer_needs(run)
    known: dict[str, tuple[str, ...]] = {}
    where = str(run.outputs("transform").get("output", ""))
    if where:
        key = where.removeprefix("s3://").partition("/")[2]
        known["batch_answers"] = (
            "reply = s3.get_object(", "    Bucket=BUCKET,", f"    Key={literal(key, indent=4)},", ")",
            'text = reply["Body"].read().decode()',
            f"batch_answers = {evaluating.from_transform(run, 'text')}",
        )  # fmt: skip
    return Section(
        run.title("transform"), tuple(code), step="transform", text=run.lesson("transform"),
        imports=evaluating.answer_imports(run), provides=("batch_answers",), needs=tuple(needs),
        known=known, known_imports=evaluating.answer_imports(run), packages=("boto3",),
    )  # fmt: skip
