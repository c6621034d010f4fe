"""The flavor `boto3`: the calls of the API themselves, with nothing between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewizard import algorithms
from sagewizard.codegen import boto3_jobs, datasets, evaluating, recordio_text
from sagewizard.codegen.plan import Plan, Section
from sagewizard.codegen.pretty import Code, assign, call, quoted
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
    listed = [_setup(run), *_clients(run), *_helpers(run), *datasets.sections(run)]
    makers = {
        "prepare": prepare, "train": boto3_jobs.train, "tune": boto3_jobs.tune, "deploy": deploy,
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
    return Plan(run.recipe.title, intro(run, "boto3"), ">=3.11", packages, tuple(listed))


def intro(run: Reading, library: str) -> tuple[str, ...]:
    """Return what a reader should know before starting the script."""
    said = [f"The recipe {run.recipe.name} with {library}, from its data to its teardown."]
    if run.state.simulated:
        said.append(
            "That run was made in SageWizard's sandbox, and `sagewizard sandbox exec -- python SCRIPT` runs"
            " this script there. To run it on AWS, put a bucket and a role of your own account below; then"
            " the jobs and the endpoint cost money, until the end of the script deletes the endpoint."
        )
    else:
        said.append(
            "It works on AWS, in the account and region of the run. Jobs and endpoint cost money; the end of"
            " the script deletes the endpoint, so let it run to its end."
        )
    return tuple(said)


def _setup(run: Reading) -> Section:
    state = run.state
    code = [
        f"REGION = {quoted(state.region)}",
        f"BUCKET = {quoted(state.bucket)}",
        "# The role that the jobs work as: it may read and write the bucket.",
        *assign("ROLE", run.role),
        "# All names begin with this one, and no two runs of this script share it.",
        f"NAME = time.strftime({quoted(run.short_name + '-%Y%m%d-%H%M%S')})",
        "TAGS = [",
        '    {"Key": "sagewizard:run", "Value": NAME},',
        f'    {{"Key": "sagewizard:recipe", "Value": {quoted(run.recipe.name)}}},',
        "]",
    ]
    return Section(
        "Names and places", tuple(code), provides=("REGION", "BUCKET", "ROLE", "NAME", "TAGS"),
        imports=("import time",), early=True,
    )  # fmt: skip


def _clients(run: Reading) -> list[Section]:
    del run
    return [
        Section(
            "Names and places", (f'{name} = boto3.client("{service}", region_name=REGION)',),
            provides=(name,), needs=("REGION",), imports=("import boto3",), packages=("boto3",), early=True,
        )
        for name, service in (("s3", "s3"), ("sagemaker", "sagemaker"), ("runtime", "sagemaker-runtime"))
    ]  # fmt: skip


def _helpers(run: Reading) -> list[Section]:
    listed = [evaluating.to_csv(), *evaluating.reading_answers(run)]
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


def prepare(run: Reading) -> Section:
    """Return the section that uploads the parts as the algorithm reads them."""
    wire = run.wire
    recordio = wire.content_type == RECORDIO
    writer = "to_recordio" if recordio else "to_csv"
    code = [
        "def upload(key, body, content_type):",
        '    """Put an object under this script\'s own prefix; return where it is."""',
        "    s3.upload_fileobj(",
        '        io.BytesIO(body), BUCKET, f"{NAME}/{key}", ExtraArgs={"ContentType": content_type}',
        "    )",
        '    print(f"s3://{BUCKET}/{NAME}/{key}: {len(body):,} bytes")',
        "    return f\"s3://{BUCKET}/{NAME}/{key.rpartition('/')[0]}/\"",
        "",
        "",
        *_ensure_bucket(run),
    ]
    needs = ["s3", "BUCKET", "NAME", writer]
    provides: list[str] = []
    known: dict[str, tuple[str, ...]] = {}
    made = run.outputs("prepare")
    if run.recipe.algorithm.script_mode:
        script, extra = script_code(run)
        code += ["", *script]
        provides += ["script_uri", "SCRIPT"]
        known |= {"SCRIPT": extra} | ({"script_uri": assign("script_uri", made["script"])} if made else {})
    code.append("")
    for split, folder in wire.folders.items():
        if split not in run.parts:
            continue
        body = f"{writer}({split}_x" + (f", {split}_y)" if wire.labels else ")")
        body += "" if recordio else ".encode()"
        key = f"{folder}/{split}.{wire.suffix}"
        result = f"{split}_uri = " if split in wire.channels else ""
        code += _upload(result, key, body, wire.content_type)
        needs += [f"{split}_x"] + ([f"{split}_y"] if wire.labels else [])
        if split in wire.channels:
            provides.append(f"{split}_uri")
            if made:
                known[f"{split}_uri"] = assign(f"{split}_uri", made["channels"][split])
    if "transform" in run.steps:
        code.append("# What the batch transform reads: the test rows, without labels.")
        code += _upload("batch_uri = ", "/".join(wire.batch), "to_csv(test_x).encode()", "text/csv")
        needs += ["to_csv", "test_x"]
        provides.append("batch_uri")
        if made.get("batch"):
            known["batch_uri"] = assign("batch_uri", made["batch"])
    imports = ["import io"]
    if run.recipe.algorithm.script_mode:
        imports.append("import tarfile")
    if any("ClientError" in line for line in code):
        imports.append("from botocore.exceptions import ClientError")
    return Section(
        run.title("prepare"), tuple(code), step="prepare", text=run.lesson("prepare"),
        imports=tuple(imports), provides=tuple(provides), needs=tuple(dict.fromkeys(needs)), known=known,
        packages=("boto3",),
    )  # fmt: skip


def _upload(result: str, key: str, body: str, content_type: str) -> list[str]:
    line = f'{result}upload("{key}", {body}, "{content_type}")'
    if len(line) <= 100:
        return [line]
    inner = f'    "{key}", {body}, "{content_type}"'
    if len(inner) <= 100:
        return [f"{result}upload(", inner, ")"]
    return [f"{result}upload(", f'    "{key}",', f"    {body},", f'    "{content_type}",', ")"]


def _ensure_bucket(run: Reading) -> list[str]:
    place = "" if run.state.region == "us-east-1" else (
        ', CreateBucketConfiguration={"LocationConstraint": REGION}')  # fmt: skip
    return [
        "try:",
        "    s3.head_bucket(Bucket=BUCKET)",
        "except ClientError:  # the first time in this account",
        f"    s3.create_bucket(Bucket=BUCKET{place})",
    ]


def script_code(run: Reading) -> tuple[list[str], tuple[str, ...]]:
    """Return lines that pack and upload the learner's own script, and those that name its file."""
    from sagewizard.engine import scripts

    path = scripts.script_path(run.recipe)
    named = assign("SCRIPT", str(run.recipe.file.algorithm.script))
    source = path.read_text(encoding="utf-8")
    return [
        *named,
        "# The image unpacks this archive, runs the script to train, and takes model_fn from it to serve.",
        "TRAIN_PY = '''\\",
        *source.replace("\\", "\\\\").replace("'''", "\\'\\'\\'").rstrip("\n").split("\n"),
        "'''",
        "held = io.BytesIO()",
        'with tarfile.open(fileobj=held, mode="w:gz") as archive:',
        "    entry = tarfile.TarInfo(SCRIPT)",
        "    entry.size = len(TRAIN_PY.encode())",
        "    archive.addfile(entry, io.BytesIO(TRAIN_PY.encode()))",
        'folder = upload("source/sourcedir.tar.gz", held.getvalue(), "application/gzip")',
        'script_uri = f"{folder}sourcedir.tar.gz"',
    ], named


def image_of(run: Reading) -> str:
    """Return the image's URI."""
    return algorithms.image_uri(run.algorithm, run.state.region, run.recipe.version)


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
        f"print({expected_of(run, row)})",
    ]
    imports: list[str] = []
    needs = ["runtime", "endpoint", "to_csv", "test_x", "test_y"]
    needs += ["classes"] if run.task in (BINARY, MULTICLASS, CLUSTERING) else []
    provides: tuple[str, ...] = ()
    requests = int(run.outputs("predict").get("requests") or run.number("requests", "predict"))
    if requests:
        rows = run.rows.get("test")
        requests = min(requests, rows) if rows else requests
        code += [
            "",
            "answers = []",
            f"bounds = [len(test_x) * part // {requests} for part in range({requests + 1})]",
            "for start, end in pairwise(bounds):",
            f"    answers += {evaluating.from_endpoint(run, 'ask(to_csv(test_x[start:end]))')}",
            f'print(f"{{len(answers):,}} answers in {requests} requests")',
        ]
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


def expected_of(run: Reading, row: int) -> str:
    """Return arguments of print that say what is expected of a row."""
    if run.task in (BINARY, MULTICLASS, CLUSTERING):
        return f'"Its label is", classes[test_y[{row - 1}]]'
    return f'"Its label is", test_y[{row - 1}]'


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
    if run.flag("delete_data", "teardown"):
        code += [
            f'objects = boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix={prefix_of(run)})',
            "objects.delete()",
        ]
        needs += ["BUCKET", "NAME"]
    else:
        code += ['print(f"The data stays in s3://{BUCKET}/{NAME}/")']
        needs += ["BUCKET", "NAME"]
    imports = ("import boto3",) if run.flag("delete_data", "teardown") else ()
    return Section(
        run.title("teardown"), tuple(code), step="teardown", text=run.lesson("teardown"), imports=imports,
        needs=tuple(needs), packages=("boto3",),
    )  # fmt: skip


def prefix_of(run: Reading) -> str:
    """Return the expression for the prefix of everything in the bucket."""
    del run
    return 'f"{NAME}/"'
