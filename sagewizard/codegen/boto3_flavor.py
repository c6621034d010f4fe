"""The flavor `boto3`: the calls of the API themselves, with nothing between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard.codegen import boto3_jobs, endpoints, evaluating, frame, pieces, recordio_text
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, assign, call
from sagewizard.engine.formats import RECORDIO

if TYPE_CHECKING:
    from sagewizard.codegen.plan import Plan
    from sagewizard.codegen.reading import Reading

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
    makers = {
        "prepare": _prepare, "train": boto3_jobs.train, "tune": boto3_jobs.tune, "model": model,
        "deploy": deploy, "transform": boto3_jobs.transform,
        "predict": lambda run: endpoints.predict(run, _endpoint(run)),
        "teardown": lambda run: endpoints.teardown(run, _endpoint(run)),
    }  # fmt: skip
    return frame.plan(run, "boto3", [pieces.setup(run), *pieces.clients()], _helpers(run), makers)


def _helpers(run: Reading) -> list[Section]:
    listed = [recordio_text.section()] if run.wire.content_type == RECORDIO else []
    wait = _WAIT.replace("{poll}", str(run.poll))
    gone = _GONE.replace("{poll}", str(run.poll))
    listed.append(
        Section(
            "Waiting", tuple(wait.split("\n")), provides=("wait_for",), imports=("import time",),
            text=("Jobs and endpoints take minutes on AWS. This asks until one is ready, or has failed.",),
        )
    )  # fmt: skip
    listed.append(
        Section(
            "Waiting for a deletion", tuple(gone.split("\n")), provides=("wait_until_gone",),
            imports=("import time", "from botocore.exceptions import ClientError"), packages=("boto3",),
            text=("A deletion takes a while, too: what is gone cannot be described any more.",),
        )
    )  # fmt: skip
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


def model(run: Reading) -> Section:
    """Return the section that makes the model where no endpoint is deployed."""
    return Section(
        "The model", model_code(run), step="transform", provides=("model",), needs=_model_needs(run),
        packages=("boto3",), text=(pieces.MODEL,),
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


def _endpoint(run: Reading) -> endpoints.Endpoint:
    asking = (
        "def ask(body):",
        '    """Send CSV rows to the endpoint; return its reply as text."""',
        "    reply = runtime.invoke_endpoint(",
        f'        EndpointName=endpoint, ContentType="text/csv", Accept="{run.wire.answers}", Body=body',
        "    )",
        '    return reply["Body"].read().decode()',
        "",
        "",
    )
    deletion = (
        "sagemaker.delete_endpoint(EndpointName=endpoint)",
        "wait_until_gone(sagemaker.describe_endpoint, EndpointName=endpoint)",
        "sagemaker.delete_endpoint_config(EndpointConfigName=endpoint_config)",
    )
    return endpoints.Endpoint(
        package="boto3",
        asking=asking,
        shown="ask(body).strip()",
        answers=evaluating.from_endpoint(run, "ask(to_csv(test_x[start:end]))"),
        answer_imports=evaluating.answer_imports(run),
        asks_with=("runtime", "endpoint"),
        deletion=deletion,
        deletes_with=("sagemaker", "endpoint", "endpoint_config", "wait_until_gone"),
        deletion_imports=(),
        model=("sagemaker.delete_model(ModelName=model)",),
        model_with=("sagemaker", "model"),
    )
