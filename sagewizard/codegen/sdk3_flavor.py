"""The flavor `sdk3`: version 3 of the SageMaker Python SDK, with ModelTrainer, ModelBuilder and resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import datasets, evaluating, pieces, recordio_text, sdk3_jobs
from sagewizard.codegen.plan import Plan, Section
from sagewizard.codegen.pretty import Code, call
from sagewizard.engine.formats import RECORDIO
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

PACKAGES = ("sagemaker", "boto3", "numpy", "pandas", "scikit-learn", "scipy")
# Version 2 has none of the classes used here.
VERSIONS = {"sagemaker": "sagemaker>=3.27,<4"}

_FINAL_METRICS = '''\
def final_metrics(job):
    """Return what a training job reports at its end; nothing where it reports nothing."""
    listed = job.final_metric_data_list
    found = listed if isinstance(listed, list) else []
    return [{"MetricName": metric.metric_name, "Value": metric.value} for metric in found]'''

_DELETE_ENDPOINT = (
    "configuration = EndpointConfig.get(",
    "    endpoint.endpoint_config_name, session=session.boto_session, region=REGION",
    ")",
    "endpoint.delete()",
    "endpoint.wait_for_delete()",
    "configuration.delete()",
)


def plan(run: Reading) -> Plan:
    """Return the whole plan of a run."""
    listed = [*_setup(run), *_helpers(run), *datasets.sections(run)]
    makers = {
        "prepare": _prepare, "train": sdk3_jobs.train, "tune": sdk3_jobs.tune, "deploy": deploy,
        "predict": predict, "transform": sdk3_jobs.transform, "evaluate": evaluating.evaluate,
        "teardown": teardown,
    }  # fmt: skip
    for step in run.steps:
        if step == "transform" and "deploy" not in run.steps:
            listed.append(_model(run))
        if step in makers:
            listed.append(makers[step](run))
    used = {package for section in listed for package in section.packages}
    packages = tuple(VERSIONS.get(package, package) for package in PACKAGES if package in used)
    intro = (
        *pieces.intro(run, "version 3 of the SageMaker Python SDK"),
        (
            "Parts of version 3 ask for a region when they are imported: set AWS_DEFAULT_REGION where no"
            " configuration file of yours names one."
        ),
    )
    return Plan(run.recipe.title, intro, ">=3.11", packages, tuple(listed))


def _setup(run: Reading) -> list[Section]:
    names, *clients = (pieces.setup(run), *pieces.clients())
    given: dict[str, Any] = {
        "boto_session": Code("boto3.Session(region_name=REGION)"), "default_bucket": Code("BUCKET")
    }  # fmt: skip
    code, needs = list(call("Session", given, result="session")), ["REGION", "BUCKET"]
    if run.recipe.algorithm.script_mode:
        given["default_bucket_prefix"] = Code("NAME")
        said = "# What the SDK uploads by itself, the code, goes below NAME, too."
        code = [said, *call("Session", given, result="session")]
        needs.append("NAME")
    session = Section(
        names.title, tuple(code), provides=("session",), needs=tuple(needs), early=True,
        imports=("import boto3", "from sagemaker.core.helper.session_helper import Session"),
        packages=("sagemaker", "boto3"),
    )  # fmt: skip
    s3 = next(section for section in clients if "s3" in section.provides)
    return [names, s3, session]


def _helpers(run: Reading) -> list[Section]:
    listed = [pieces.upload(), evaluating.to_csv(), *evaluating.reading_answers(run)]
    if run.wire.content_type == RECORDIO:
        # Version 3 has a RecordIO writer in name only: it raises NotImplementedError.
        listed.append(recordio_text.section())
    listed.append(Section("Figures of a job", tuple(_FINAL_METRICS.split("\n")), provides=("final_metrics",)))
    return listed


def _prepare(run: Reading) -> Section:
    if not run.recipe.algorithm.script_mode:
        return pieces.prepare(run)
    named, source = pieces.script_source(run)
    code = [
        *named,
        "# The SDK uploads this folder; the image runs the script to train, and takes model_fn from it.",
        *source,
        'Path("source").mkdir(exist_ok=True)',
        'Path("source", SCRIPT).write_text(TRAIN_PY)',
    ]
    return pieces.prepare(run, (code, ("from pathlib import Path",), ("SCRIPT",), {"SCRIPT": named}))


def _model_code(run: Reading, step: str) -> tuple[list[str], list[str], list[str]]:
    """Return lines that make the model, what they import and what they need."""
    best = sdk3_jobs.best(run)
    arguments = {
        "s3_model_data_url": Code(f"{best}.model_artifacts.s3_model_artifacts"),
        "image_uri": Code("IMAGE"),
        "role_arn": Code("ROLE"),
        "instance_type": run.text("instance_type", step),
        "sagemaker_session": Code("session"),
    }
    imports = ["from sagemaker.serve import ModelBuilder"]
    needs = ["NAME", "TAGS", "ROLE", "IMAGE", "session", best]
    if run.recipe.algorithm.script_mode:
        arguments["source_code"] = Code('SourceCode(source_dir="source", entry_script=SCRIPT)')
        imports.append("from sagemaker.core.training.configs import SourceCode")
        needs.append("SCRIPT")
    code = [
        *call("ModelBuilder", arguments, result="builder"),
        'model = builder.build(model_name=f"{NAME}-model", tags=TAGS)',
    ]
    return code, imports, needs


def _known_model(name: str) -> tuple[str, ...]:
    given = {
        "model_name": name, "session": Code("session.boto_session"), "region": Code("REGION"),
    }  # fmt: skip
    return call("Model.get", given, result="model")


def _model(run: Reading) -> Section:
    code, imports, needs = _model_code(run, "transform")
    return Section(
        "The model", tuple(code), step="transform", provides=("builder", "model"), imports=tuple(imports),
        needs=tuple(needs), packages=("sagemaker",),
    )  # fmt: skip


def deploy(run: Reading) -> Section:
    """Return the section that makes the model, and then endpoint configuration and endpoint at once."""
    code, imports, needs = _model_code(run, "deploy")
    arguments = {
        "endpoint_name": Code('f"{NAME}-endpoint"'),
        "instance_type": run.text("instance_type", "deploy"),
        "initial_instance_count": run.number("instance_count", "deploy"),
    }
    code += call("builder.deploy", arguments, result="endpoint")
    made = run.outputs("deploy")
    known: dict[str, tuple[str, ...]] = {}
    if made:
        given = {
            "endpoint_name": made["endpoint"],
            "session": Code("session.boto_session"),
            "region": Code("REGION"),
        }
        known = {
            "model": _known_model(made["model"]),
            "endpoint": call("Endpoint.get", given, result="endpoint"),
        }
    return Section(
        run.title("deploy"), tuple(code), step="deploy", text=run.lesson("deploy"), imports=tuple(imports),
        provides=("builder", "model", "endpoint"), needs=(*needs, "REGION"), known=known,
        known_imports=(
            "from sagemaker.core.resources import Model", "from sagemaker.core.resources import Endpoint",
        ),
        packages=("sagemaker",),
    )  # fmt: skip


def predict(run: Reading) -> Section:
    """Return the section that asks the endpoint: for one row, then for the test part."""
    row = run.number("row", "predict")
    code = [
        "def ask(body):",
        '    """Send CSV rows to the endpoint; return its reply as text."""',
        f'    reply = endpoint.invoke(body=body, content_type="text/csv", accept="{run.wire.answers}")',
        "    return reply.body.read().decode()",
        "",
        "",
        f"body = to_csv(test_x[{row - 1}:{row}])",
        'print("We send:   ", body.strip()[:60])',
        'print("It answers:", ask(body).strip())',
        f"print({pieces.expected_of(run, row)})",
    ]
    imports: list[str] = []
    needs = ["endpoint", "to_csv", "test_x", "test_y"]
    needs += ["classes"] if run.task in (BINARY, MULTICLASS, CLUSTERING) else []
    provides: tuple[str, ...] = ()
    requests = pieces.requests_of(run)
    if requests:
        code += pieces.asking(requests, evaluating.from_endpoint(run, "ask(to_csv(test_x[start:end]))"))
        imports += ["from itertools import pairwise", *evaluating.answer_imports(run)]
        needs += evaluating.answer_needs(run)
        provides = ("answers",)
    if run.flag("delete_endpoint", "predict"):
        code += ["", "# The endpoint has done its work, and would cost money from here on.",
                 *_DELETE_ENDPOINT]  # fmt: skip
        imports.append("from sagemaker.core.resources import EndpointConfig")
        needs += ["session", "REGION"]
    known = evaluating.known_answers(run, "answers") if requests else {}
    return Section(
        run.title("predict"), tuple(code), step="predict", text=run.lesson("predict"),
        imports=tuple(imports), provides=provides, needs=tuple(needs), packages=("sagemaker",),
        known=known, known_imports=("import pandas as pd",) if known else (),
    )  # fmt: skip


def teardown(run: Reading) -> Section:
    """Return the section that deletes what is left."""
    code: list[str] = []
    needs: list[str] = []
    imports: list[str] = []
    deployed = "deploy" in run.steps
    if deployed and not ("predict" in run.steps and run.flag("delete_endpoint", "predict")):
        code += _DELETE_ENDPOINT
        imports.append("from sagemaker.core.resources import EndpointConfig")
        needs += ["endpoint", "session", "REGION"]
    if deployed or "transform" in run.steps:
        code.append("model.delete()")
        needs.append("model")
    last, more, wanted = pieces.data_at_the_end(run)
    return Section(
        run.title("teardown"), (*code, *last), step="teardown", text=run.lesson("teardown"),
        needs=tuple(dict.fromkeys((*needs, *more))), imports=(*imports, *wanted), packages=("sagemaker",),
    )  # fmt: skip
