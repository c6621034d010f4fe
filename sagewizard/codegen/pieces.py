"""What every flavor says alike: the text at the top, names and places, the upload, asking the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import assign, quoted
from sagewizard.engine.formats import RECORDIO
from sagewizard.recipe.step_options import NEVER
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

THIS, START = "{this}", "{start}"
"""What a script and a notebook call themselves, and how each is started: `plan.said` puts it in."""

MODEL = "To SageMaker a model is what the training left in S3, with the container that answers with it."

_UPLOAD = '''\
def upload(key, body, content_type):
    """Put an object under this script's own prefix; return its folder."""
    s3.upload_fileobj(
        io.BytesIO(body), BUCKET, f"{NAME}/{key}", ExtraArgs={"ContentType": content_type}
    )
    folder = f"s3://{BUCKET}/{NAME}/{key.rpartition('/')[0]}/"
    print(f"{len(body):,} bytes in {folder}")
    return folder'''


def intro(run: Reading, library: str) -> tuple[str, ...]:
    """Return what a reader should know before starting the script."""
    first = f"The recipe {run.recipe.name} with {library}, from its data to its teardown"
    said = [f"{first}, with the values of the run {run.state.run_id}."]
    cost = "the jobs cost money"
    if "deploy" in run.steps:
        cost += (
            f", and the endpoint does until {THIS} deletes it: let it run to its end, or delete the endpoint"
            " yourself"
        )
    if run.state.simulated:
        said.append(
            f"That run was made in SageWizard's sandbox, and `sagewizard sandbox exec -- {START}` runs {THIS}"
            " there. To run it on AWS, put the region, a bucket and a role of your own account below. On AWS"
            f" {cost}."
        )
    else:
        said.append(f"It works on AWS, in the account and region of the run. There {cost}.")
    length = run.text("ttl", "deploy") if "deploy" in run.steps else NEVER
    if length != NEVER:
        said.append(
            f"In the run the endpoint was to delete itself {length} after its last use, by a schedule; {THIS}"
            " makes none."
        )
    return tuple(said)


def step_intro(run: Reading, library: str) -> tuple[str, ...]:
    """Return what a reader should know of a script that does one step alone."""
    said = (
        f"One step of the recipe {run.recipe.name} with {library}. What earlier steps made has the names of"
        f" the run {run.state.run_id}; it has to be there still."
    )
    if run.state.simulated:
        return said, f"That run was made in SageWizard's sandbox: `sagewizard sandbox exec -- {START}`."
    return (said,)


def setup(run: Reading) -> Section:
    """Return the section with region, bucket, role, and the name that all names begin with."""
    state = run.state
    code = [
        f"REGION = {quoted(state.region)}",
        f"BUCKET = {quoted(state.bucket)}",
        "# The role that the jobs work as: it may read and write the bucket.",
        *assign("ROLE", run.role),
        "# All names begin with this one; it has the time in it, so that no two runs share it.",
        f"NAME = time.strftime({quoted(run.short_name + '-%Y%m%d-%H%M%S')})",
        "TAGS = [",
        '    {"Key": "sagewizard:run", "Value": NAME},',
        f'    {{"Key": "sagewizard:recipe", "Value": {quoted(run.recipe.name)}}},',
        "]",
    ]
    return Section(
        "Names and places", tuple(code), provides=("REGION", "BUCKET", "ROLE", "NAME", "TAGS"),
        imports=("import time",), early=True,
        text=("Where the work is done, who does it, and what everything is called.",),
    )  # fmt: skip


def clients() -> list[Section]:
    """Return one section for each client of boto3."""
    return [
        Section(
            "Names and places", (f'{name} = boto3.client("{service}", region_name=REGION)',),
            provides=(name,), needs=("REGION",), imports=("import boto3",), packages=("boto3",), early=True,
        )
        for name, service in (("s3", "s3"), ("sagemaker", "sagemaker"), ("runtime", "sagemaker-runtime"))
    ]  # fmt: skip


def upload() -> Section:
    """Return the section with the function that puts an object into the bucket."""
    return Section(
        "Upload", tuple(_UPLOAD.split("\n")), provides=("upload",), needs=("s3", "BUCKET", "NAME"),
        imports=("import io",),
        text=("Jobs read their data from S3, so that is where each file has to go first.",),
    )  # fmt: skip


Script = tuple[list[str], tuple[str, ...], tuple[str, ...], dict[str, tuple[str, ...]]]


def prepare(run: Reading, script: Script | None = None) -> Section:
    """Return the section that uploads the parts as the algorithm reads them.

    `script` are lines for a learner's own script, with what they import, provide, and know of the run.
    """
    wire = run.wire
    recordio = wire.content_type == RECORDIO
    writer = "to_recordio" if recordio else "to_csv"
    code = _ensure_bucket(run)
    needs = ["s3", "BUCKET", "upload", writer]
    provides: list[str] = []
    known: dict[str, tuple[str, ...]] = {}
    made = run.outputs("prepare")
    if script is not None:
        lines, _imports, names, values = script
        code += ["", *lines]
        provides += names
        known |= values
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
    imports = ("from botocore.exceptions import ClientError", *(script[1] if script else ()))
    return Section(
        run.title("prepare"), tuple(code), step="prepare", text=run.lesson("prepare"),
        imports=imports, provides=tuple(provides), needs=tuple(dict.fromkeys(needs)), known=known,
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


def script_source(run: Reading) -> tuple[tuple[str, ...], list[str]]:
    """Return lines that name the learner's own script, and those that hold its text as TRAIN_PY."""
    from sagewizard.engine import scripts

    named = assign("SCRIPT", str(run.recipe.file.algorithm.script))
    text = scripts.script_path(run.recipe).read_text(encoding="utf-8")
    text = text.replace("\\", "\\\\").replace("'''", "\\'\\'\\'").rstrip("\n")
    return named, ["TRAIN_PY = '''\\", *text.split("\n"), "'''"]


def image_of(run: Reading) -> str:
    """Return the image's URI."""
    return algorithms.image_uri(run.algorithm, run.state.region, run.recipe.version)


def requests_of(run: Reading) -> int:
    """Return in how many requests the test part was predicted; 0 when it was not."""
    requests = int(run.outputs("predict").get("requests") or run.number("requests", "predict"))
    rows = run.rows.get("test")
    return min(requests, rows) if rows else requests


def asking(requests: int, reply: str) -> list[str]:
    """Return lines that predict the test part; `reply` is an expression for the answers to some rows."""
    return [
        "",
        "answers = []",
        f"bounds = [len(test_x) * part // {requests} for part in range({requests + 1})]",
        "for start, end in pairwise(bounds):",
        f"    answers += {reply}",
        f'print(f"{{len(answers):,}} answers in {requests} requests")',
    ]


def expected_of(run: Reading, row: int) -> str:
    """Return arguments of print that say what is expected of a row."""
    if run.task in (BINARY, MULTICLASS, CLUSTERING):
        return f'"Its label is", classes[test_y[{row - 1}]]'
    return f'"Its label is", test_y[{row - 1}]'


def data_at_the_end(run: Reading) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """Return the last lines of a script: the data goes or stays; with what they need and import."""
    if not run.flag("delete_data", "teardown"):
        return ['print(f"The data stays in s3://{BUCKET}/{NAME}/")'], ("BUCKET", "NAME"), ()
    code = ['boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix=f"{NAME}/").delete()']
    return code, ("BUCKET", "NAME"), ("import boto3",)
