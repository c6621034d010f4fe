"""The flavor `sdk2`: version 2 of the SageMaker Python SDK, as most tutorials are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.codegen import endpoints, evaluating, frame, pieces, recordio_text, sdk2_jobs
from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import Code, assign, call, quoted
from sagewizard.engine.formats import RECORDIO

if TYPE_CHECKING:
    from sagewizard.codegen.plan import Plan
    from sagewizard.codegen.reading import Reading

# Version 3 has none of the classes used here.
SDK = "sagemaker>=2.257,<3"

_RECORDIO = '''\
def to_recordio(rows, labels=None):
    """Return rows as RecordIO-protobuf, the format that SageMaker's own algorithms read fastest."""
    held = io.BytesIO()
    write_numpy_to_dense_tensor(held, rows, None if labels is None else labels.astype("float32"))
    return held.getvalue()'''


def plan(run: Reading) -> Plan:
    """Return the whole plan of a run."""
    makers = {
        "prepare": _prepare, "train": sdk2_jobs.train, "tune": sdk2_jobs.tune, "model": _model,
        "deploy": deploy, "transform": sdk2_jobs.transform,
        "predict": lambda run: endpoints.predict(run, _endpoint(run)),
        "teardown": lambda run: endpoints.teardown(run, _endpoint(run)),
    }  # fmt: skip
    library = "version 2 of the SageMaker Python SDK"
    return frame.plan(run, library, _setup(run), _helpers(run), makers, sdk=SDK)


def _setup(run: Reading) -> list[Section]:
    names, *clients = (pieces.setup(run), *pieces.clients())
    session = Section(
        names.title,
        (
            "session = sagemaker.Session(",
            "    boto_session=boto3.Session(region_name=REGION), default_bucket=BUCKET",
            ")",
        ),
        provides=("session",), needs=("REGION", "BUCKET"), imports=("import boto3", "import sagemaker"),
        packages=("sagemaker", "boto3"), early=True,
    )  # fmt: skip
    s3 = next(section for section in clients if "s3" in section.provides)
    return [names, s3, session]


def _helpers(run: Reading) -> list[Section]:
    if run.wire.content_type != RECORDIO:
        return []
    imports = ("import io", "from sagemaker.amazon.common import write_numpy_to_dense_tensor")
    return [
        Section(
            "RecordIO-protobuf", tuple(_RECORDIO.split("\n")), provides=("to_recordio",),
            imports=imports, packages=("sagemaker",), text=(recordio_text.ABOUT,),
        )
    ]  # fmt: skip


def _prepare(run: Reading) -> Section:
    if not run.recipe.algorithm.script_mode:
        return pieces.prepare(run)
    named, source = pieces.script_source(run)
    code = [
        *named,
        "# The SDK packs this file and uploads it; the image runs it to train, and takes model_fn from it.",
        *source,
        "Path(SCRIPT).write_text(TRAIN_PY)",
    ]
    return pieces.prepare(run, (code, ("from pathlib import Path",), ("SCRIPT",), {"SCRIPT": named}))


def _model(run: Reading) -> Section:
    code = (
        'model = f"{NAME}-model"',
        f"{sdk2_jobs.best(run)}.create_model(name=model).create(",
        f"    instance_type={quoted(run.text('instance_type', 'transform'))}, tags=TAGS",
        ")",
    )
    return Section(
        "The model", code, step="transform", provides=("model",), packages=("sagemaker",),
        text=(pieces.MODEL,),
        needs=("NAME", "TAGS", sdk2_jobs.best(run)),
    )  # fmt: skip


def _wires(run: Reading) -> tuple[list[tuple[str, Code]], list[str]]:
    """Return how the predictor writes requests and reads replies, and what that imports."""
    serializers = [("serializer", Code("CSVSerializer()"))]
    imports = ["from sagemaker.serializers import CSVSerializer"]
    if evaluating.reads_csv(run):
        reader = Code('StringDeserializer(accept="text/csv")')
        imports.append("from sagemaker.deserializers import StringDeserializer")
    else:
        reader = Code("JSONDeserializer()")
        imports.append("from sagemaker.deserializers import JSONDeserializer")
    return [*serializers, ("deserializer", reader)], imports


def deploy(run: Reading) -> Section:
    """Return the section that deploys: the SDK makes model, endpoint configuration and endpoint at once."""
    wires, imports = _wires(run)
    best = sdk2_jobs.best(run)
    arguments = {
        "initial_instance_count": run.number("instance_count", "deploy"),
        "instance_type": run.text("instance_type", "deploy"),
        "model_name": Code("model"),
        "endpoint_name": Code('f"{NAME}-endpoint"'),
        **dict(wires),
        "tags": Code("TAGS"),
    }
    said = "# Makes the model, the endpoint configuration and the endpoint, and waits until it is in service."
    code = ('model = f"{NAME}-model"', said, *call(f"{best}.deploy", arguments, result="predictor"))
    made = run.outputs("deploy")
    known: dict[str, tuple[str, ...]] = {}
    if made:
        given = {"endpoint_name": made["endpoint"], "sagemaker_session": Code("session"), **dict(wires)}
        known = {
            "model": assign("model", made["model"]),
            "predictor": call("Predictor", given, result="predictor"),
        }
    return Section(
        run.title("deploy"), code, step="deploy", text=run.lesson("deploy"), imports=tuple(imports),
        provides=("model", "predictor"), needs=("NAME", "TAGS", "session", best), known=known,
        known_imports=("from sagemaker.predictor import Predictor", *imports), packages=("sagemaker",),
    )  # fmt: skip


def _endpoint(run: Reading) -> endpoints.Endpoint:
    asked = "predictor.predict(to_csv(test_x[start:end]))"
    return endpoints.Endpoint(
        package="sagemaker",
        asking=(),
        shown="predictor.predict(body)",
        answers=f"read_numbers({asked})" if evaluating.reads_csv(run) else f'{asked}["predictions"]',
        answer_imports=(),
        asks_with=("predictor",),
        deletion=("predictor.delete_endpoint(delete_endpoint_config=True)",),
        deletes_with=("predictor",),
        deletion_imports=(),
        model=("session.delete_model(model)",),
        model_with=("session", "model"),
    )
