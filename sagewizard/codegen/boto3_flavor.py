"""The flavor `boto3`: the calls of the API themselves, with nothing between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import boto3_jobs, datasets, evaluating, pieces, recordio_text
from sagewizard.codegen.plan import Plan, Section
from sagewizard.codegen.pretty import Code, assign, call
from sagewizard.engine.formats import RECORDIO
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

PACKAGES = ("boto3", "numpy", "pandas", "scikit-learn", "scipy")

_WAIT = '''\
def wait_for(describe, member, **name):
    """Ask until a job or an endpoint has come to rest; tell each change; return the last answer."""
    seen = ""
    while seen in ("", "Creating", "InProgress", "Stopping"):
        if seen:
            time.sleep({poll})
        answer = describe(**name)
        if answer[member] != seen:
            seen = answer[member]
            print(*name.values(), seen)
    if seen not in ("Completed", "InService"):
        raise RuntimeError(answer.get("FailureReason", seen))
    return answer'''

_GONE = '''\
def wait_until_gone(describe, **name):
    """Ask until what was deleted is not there any more."""
    while True:
        try:
            describe(**name)
        except ClientError:
            return print(*name.values(), "is gone")
        time.sleep({poll})'''


def plan(run: Reading) -> Plan:
    """Return the whole plan of a run."""
    listed = [pieces.setup(run), *pieces.clients(), *_helpers(run), *datasets.sections(run)]
    makers = {
        "prepare": _prepare, "train": boto3_jobs.train, "tune": boto3_jobs.tune, "deploy": deploy,
        "predict": predict, "transform": boto3_jobs.transform, "evaluate": evaluating.evaluate,
        "teardown": teardown,
    }  # fmt: skip
    for step in run.steps:
        if step == "transform" and "deploy" not in run.steps:
            listed.append(model(run, "transform"))
        if step in makers:
            listed.append(makers[step](run))
    used = {package for section in listed for package in section.packages}
    packages = tuple(package for package in PACKAGES if package in used)
    return Plan(
        run.recipe.title, pieces.intro(run, "boto3"), ">=3.11", packages, tuple(listed),
        pieces.step_intro(run, "boto3"),
    )  # fmt: skip


def _helpers(run: Reading) -> list[Section]:
    listed = [pieces.upload(), evaluating.to_csv(), *evaluating.reading_answers(run)]
    if run.wire.content_type == RECORDIO:
        listed.append(recordio_text.section())
    wait = _WAIT.replace("{poll}", str(run.poll))
    gone = _GONE.replace("{poll}", str(run.poll))
    listed.append(
        Section("Waiting", tuple(wait.split("\n")), provides=("wait_for",), imports=("import time",))
    )
    listed.append(
        Section(
            "Waiting for a deletion",
            tuple(gone.split("\n")),
            provides=("wait_until_gone",),
            imports=("import time", "from botocore.exceptions import ClientError"),
            packages=("boto3",),
        )
    )
    return listed


def _prepare(run: Reading) -> Section:
    if not run.recipe.algorithm.script_mode:
        return pieces.prepare(run)
    named, source = pieces.script_source(run)
    code = [
        *named,
        "# The image unpacks this archive, runs the script to train, and takes model_fn from it to serve.",
        *source,
        "held = io.BytesIO()",
        'with tarfile.open(fileobj=held, mode="w:gz") as archive:',
        "    entry = tarfile.TarInfo(SCRIPT)",
        "    entry.size = len(TRAIN_PY.encode())",
        "    archive.addfile(entry, io.BytesIO(TRAIN_PY.encode()))",
        'folder = upload("source/sourcedir.tar.gz", held.getvalue(), "application/gzip")',
        'script_uri = f"{folder}sourcedir.tar.gz"',
    ]
    known = {"SCRIPT": named}
    made = run.outputs("prepare").get("script")
    if made:
        known["script_uri"] = assign("script_uri", str(made))
    return pieces.prepare(run, (code, ("import io", "import tarfile"), ("SCRIPT", "script_uri"), known))


def model_code(run: Reading) -> tuple[str, ...]:
    """Return lines that make the model."""
    container: dict[str, Any] = {"Image": Code("IMAGE"), "ModelDataUrl": Code("model_data")}
    if run.recipe.algorithm.script_mode:
        container["Environment"] = {
            "SAGEMAKER_PROGRAM": Code("SCRIPT"),
            "SAGEMAKER_SUBMIT_DIRECTORY": Code("script_uri"),
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_REGION": Code("REGION"),
        }
    arguments = {
        "ModelName": Code("model"), "PrimaryContainer": container, "ExecutionRoleArn": Code("ROLE"),
        "Tags": Code("TAGS"),
    }  # fmt: skip
    return ('model = f"{NAME}-model"', *call("sagemaker.create_model", arguments))


def _model_needs(run: Reading) -> tuple[str, ...]:
    script = ("SCRIPT", "script_uri", "REGION") if run.recipe.algorithm.script_mode else ()
    return ("sagemaker", "NAME", "TAGS", "ROLE", "IMAGE", "model_data", *script)


def model(run: Reading, step: str) -> Section:
    """Return the section that makes the model where no endpoint is deployed."""
    return Section(
        "The model", model_code(run), step=step, provides=("model",), needs=_model_needs(run),
        packages=("boto3",),
    )  # fmt: skip


def deploy(run: Reading) -> Section:
    """Return the section that makes model, endpoint configuration and endpoint."""
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": Code("model"),
        "InitialInstanceCount": run.number("instance_count", "deploy"),
        "InstanceType": run.text("instance_type", "deploy"),
        "InitialVariantWeight": 1.0,
    }
    code = [
        *model_code(run),
        "",
        'endpoint_config = f"{NAME}-config"',
        *call("sagemaker.create_endpoint_config", {
            "EndpointConfigName": Code("endpoint_config"), "ProductionVariants": [variant],
            "Tags": Code("TAGS"),
        }),
        "",
        'endpoint = f"{NAME}-endpoint"',
        *call("sagemaker.create_endpoint", {
            "EndpointName": Code("endpoint"), "EndpointConfigName": Code("endpoint_config"),
            "Tags": Code("TAGS"),
        }),
        'wait_for(sagemaker.describe_endpoint, "EndpointStatus", EndpointName=endpoint)',
    ]  # fmt: skip
    made = run.outputs("deploy")
    known: dict[str, tuple[str, ...]] = {
        name: assign(name, made[name]) for name in ("model", "endpoint_config", "endpoint") if name in made
    }
    return Section(
        run.title("deploy"), tuple(code), step="deploy", text=run.lesson("deploy"),
        provides=("model", "endpoint_config", "endpoint"), needs=(*_model_needs(run), "wait_for"),
        known=known, packages=("boto3",),
    )  # fmt: skip


def predict(run: Reading) -> Section:
    """Return the section that asks the endpoint: for one row, then for the test part."""
    row, accept = run.number("row", "predict"), run.wire.answers
    code = [
        "def ask(body):",
        '    """Send CSV rows to the endpoint; return its reply as text."""',
        "    reply = runtime.invoke_endpoint(",
        f'        EndpointName=endpoint, ContentType="text/csv", Accept="{accept}", Body=body',
        "    )",
        '    return reply["Body"].read().decode()',
        "",
        "",
        f"body = to_csv(test_x[{row - 1}:{row}])",
        'print("We send:   ", body.strip()[:60])',
        'print("It answers:", ask(body).strip())',
        f"print({pieces.expected_of(run, row)})",
    ]
    imports: list[str] = []
    needs = ["runtime", "endpoint", "to_csv", "test_x", "test_y"]
    needs += ["classes"] if run.task in (BINARY, MULTICLASS, CLUSTERING) else []
    provides: tuple[str, ...] = ()
    requests = pieces.requests_of(run)
    if requests:
        reply = evaluating.from_endpoint(run, "ask(to_csv(test_x[start:end]))")
        code += pieces.asking(requests, reply)
        provides = ("answers",)
        imports += ["from itertools import pairwise", *evaluating.answer_imports(run)]
        needs += evaluating.answer_needs(run)
    if run.flag("delete_endpoint", "predict"):
        code += ["", "# The endpoint has done its work, and would cost money from here on.",
                 *delete_endpoint()]  # fmt: skip
        needs += ["sagemaker", "endpoint_config", "wait_until_gone"]
    known = evaluating.known_answers(run, "answers") if requests else {}
    return Section(
        run.title("predict"), tuple(code), step="predict", text=run.lesson("predict"),
        imports=tuple(imports), provides=provides, needs=tuple(needs), packages=("boto3",),
        known=known, known_imports=("import pandas as pd",) if known else (),
    )  # fmt: skip


def delete_endpoint() -> list[str]:
    """Return lines that delete the endpoint and its configuration."""
    return [
        "sagemaker.delete_endpoint(EndpointName=endpoint)",
        "wait_until_gone(sagemaker.describe_endpoint, EndpointName=endpoint)",
        "sagemaker.delete_endpoint_config(EndpointConfigName=endpoint_config)",
    ]


def teardown(run: Reading) -> Section:
    """Return the section that deletes what is left."""
    code: list[str] = []
    needs = ["sagemaker"]
    deployed = "deploy" in run.steps
    early = "predict" in run.steps and run.flag("delete_endpoint", "predict")
    if deployed and not early:
        code += delete_endpoint()
        needs += ["endpoint", "endpoint_config", "wait_until_gone"]
    if deployed or "transform" in run.steps:
        code += ["sagemaker.delete_model(ModelName=model)"]
        needs.append("model")
    last, more, imports = pieces.data_at_the_end(run)
    return Section(
        run.title("teardown"), (*code, *last), step="teardown", text=run.lesson("teardown"), imports=imports,
        needs=(*needs, *more), packages=("boto3",),
    )  # fmt: skip
