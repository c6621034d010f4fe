"""The flavor `sdk3`: version 3 of the SageMaker Python SDK, with ModelTrainer, ModelBuilder and resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import endpoints, evaluating, frame, pieces, recordio_text, sdk3_jobs
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, call
from sagewizard.engine.formats import RECORDIO

if TYPE_CHECKING:
    from sagewizard.codegen.plan import Plan
    from sagewizard.codegen.reading import Reading

# Version 2 has none of the classes used here.
SDK = "sagemaker>=3.27,<4"
_REGION = (
    "Parts of version 3 ask for a region when they are imported: set AWS_DEFAULT_REGION where no"
    " configuration file of yours names one."
)

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
    makers = {
        "prepare": _prepare, "train": sdk3_jobs.train, "tune": sdk3_jobs.tune, "model": _model,
        "deploy": deploy, "transform": sdk3_jobs.transform,
        "predict": lambda run: endpoints.predict(run, _endpoint(run)),
        "teardown": lambda run: endpoints.teardown(run, _endpoint(run)),
    }  # fmt: skip
    library = "version 3 of the SageMaker Python SDK"
    return frame.plan(run, library, _setup(run), _helpers(run), makers, sdk=SDK, more=(_REGION,))


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
    # Version 3 has a RecordIO writer in name only: it raises NotImplementedError.
    listed = [recordio_text.section()] if run.wire.content_type == RECORDIO else []
    metrics = Section(
        "Figures of a job", tuple(_FINAL_METRICS.split("\n")), provides=("final_metrics",),
        text=("What a training job measured stands in its description.",),
    )  # fmt: skip
    return [*listed, metrics]


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
        text=(pieces.MODEL,),
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
    code += ["", "# Makes the endpoint configuration and the endpoint, and waits until it is in service."]
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


def _endpoint(run: Reading) -> endpoints.Endpoint:
    asking = (
        "def ask(body):",
        '    """Send CSV rows to the endpoint; return its reply as text."""',
        f'    reply = endpoint.invoke(body=body, content_type="text/csv", accept="{run.wire.answers}")',
        "    return reply.body.read().decode()",
        "",
        "",
    )
    return endpoints.Endpoint(
        package="sagemaker",
        asking=asking,
        shown="ask(body).strip()",
        answers=evaluating.from_endpoint(run, "ask(to_csv(test_x[start:end]))"),
        answer_imports=evaluating.answer_imports(run),
        asks_with=("endpoint",),
        deletion=_DELETE_ENDPOINT,
        deletes_with=("endpoint", "session", "REGION"),
        deletion_imports=("from sagemaker.core.resources import EndpointConfig",),
        model=("model.delete()",),
        model_with=("model",),
    )
