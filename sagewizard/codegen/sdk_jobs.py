"""What the jobs say alike in versions 2 and 3 of the SageMaker Python SDK: values, tuner, transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import evaluating
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, call, quoted

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading
    from sagewizard.recipe.ranges import Range
    from sagewizard.recipe.tuning import Tuning


def image_version(run: Reading) -> str:
    """Return the version of the image to ask for; "" where the SDK finds it without: not so for XGBoost."""
    if run.recipe.version or run.algorithm != "xgboost":
        return run.recipe.version or ""
    return str(run.recipe.algorithm.image.default_version)


def hyperparameters(run: Reading) -> dict[str, Any]:
    """Return the hyperparameters, as numbers where the SDK writes the number as the same text again."""
    return {name: _typed(text) for name, text in run.recipe.effective_hyperparameters().items()}


def _typed(text: str) -> Any:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if str(value) == text else text
    return text


def tuner_arguments(run: Reading, tuning: Tuning, module: str, imports: list[str]) -> dict[str, Any]:
    """Return arguments of HyperparameterTuner; `module` has the classes of ranges, which join `imports`."""
    arguments: dict[str, Any] = {
        "objective_metric_name": tuning.objective,
        "objective_type": tuning.goal,
        "hyperparameter_ranges": {entry.name: _range(entry, module, imports) for entry in tuning.ranges},
        "strategy": tuning.strategy,
        "max_jobs": tuning.jobs,
        "max_parallel_jobs": tuning.parallel,
        "early_stopping_type": tuning.early_stopping,
        "random_seed": tuning.seed,
    }
    metrics = run.recipe.file.algorithm.metrics
    if metrics:
        arguments["metric_definitions"] = [
            {"Name": metric, "Regex": regex} for metric, regex in metrics.items()
        ]
    if tuning.max_seconds is not None:
        arguments["max_runtime_in_seconds"] = tuning.max_seconds
    return arguments


def _range(entry: Range, module: str, imports: list[str]) -> Code:
    if entry.values:
        imports.append(f"from {module} import CategoricalParameter")
        return Code(f"CategoricalParameter([{', '.join(quoted(value) for value in entry.values)}])")
    kind = "IntegerParameter" if entry.integer else "ContinuousParameter"
    imports.append(f"from {module} import {kind}")
    low, high = entry.low, entry.high
    if entry.integer:
        low, high = str(int(float(low))), str(int(float(high)))
    scaling = "" if entry.scaling == "Auto" else f", scaling_type={quoted(entry.scaling)}"
    return Code(f"{kind}({low}, {high}{scaling})")


def transform(run: Reading, module: str, model: str, started: dict[str, Any]) -> Section:
    """Return the section that runs the batch transform and reads its output.

    `module` has the class Transformer, `model` is the expression for the model's name, and `started` are
    arguments of its start besides the ones that both versions take.
    """
    file = f"{run.wire.batch[1]}.out"
    made = {
        "model_name": Code(model),
        "instance_count": run.number("instance_count", "transform"),
        "instance_type": run.text("instance_type", "transform"),
        "strategy": run.text("strategy", "transform"),
        "max_payload": run.number("max_payload_mb", "transform"),
        "accept": run.wire.batch_answers,
        "assemble_with": "Line",
        "output_path": Code('f"s3://{BUCKET}/{output}"'),
        "tags": Code("TAGS"),
        "sagemaker_session": Code("session"),
    }
    given = {
        "data": Code("batch_uri"), "content_type": "text/csv", "split_type": "Line",
        "job_name": Code('f"{NAME}-transform"'), **started,
    }  # fmt: skip
    code = [
        'output = f"{NAME}/transform/{NAME}-transform"',
        *call("Transformer", made, result="transformer"),
        *call("transformer.transform", given),
        f'text = session.read_s3_file(BUCKET, f"{{output}}/{file}")',
        f"batch_answers = {evaluating.from_transform(run, 'text')}",
        f'print(f"{{len(batch_answers):,}} answers in s3://{{BUCKET}}/{{output}}/{file}")',
    ]
    needs = ["session", "NAME", "TAGS", "BUCKET", "model", "batch_uri", *evaluating.answer_needs(run)]
    known: dict[str, tuple[str, ...]] = {}
    where = str(run.outputs("transform").get("output", ""))
    if where:
        key = where.removeprefix("s3://").partition("/")[2]
        known["batch_answers"] = (
            *call("session.read_s3_file", {"bucket": Code("BUCKET"), "key_prefix": key}, result="text"),
            f"batch_answers = {evaluating.from_transform(run, 'text')}",
        )
    return Section(
        run.title("transform"), tuple(code), step="transform", text=run.lesson("transform"),
        imports=(f"from {module} import Transformer", *evaluating.answer_imports(run)),
        provides=("batch_answers",), needs=tuple(needs), known=known,
        known_imports=evaluating.answer_imports(run), packages=("sagemaker",),
    )  # fmt: skip
