"""The flavor `sdk2`: version 2 of the SageMaker Python SDK, as most tutorials are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.codegen import datasets, evaluating, pieces, sdk2_jobs
from sagewizard.codegen.plan import Plan, Section
from sagewizard.codegen.pretty import Code, assign, call, quoted
from sagewizard.engine.formats import RECORDIO
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

PACKAGES = ("sagemaker", "boto3", "numpy", "pandas", "scikit-learn", "scipy")
# Version 3 has none of the classes used here.
VERSIONS = {"sagemaker": "sagemaker>=2.257,<3"}

_RECORDIO = '''\
def to_recordio(rows, labels=None):
    """Return rows as RecordIO-protobuf, the format that SageMaker's own algorithms read fastest."""
    held = io.BytesIO()
    write_numpy_to_dense_tensor(held, rows, None if labels is None else labels.astype("float32"))
    return held.getvalue()'''


def plan(run: Reading) -> Plan:
    """Return the whole plan of a run."""
    listed = [*_setup(run), *_helpers(run), *datasets.sections(run)]
    makers = {
        "prepare": _prepare, "train": sdk2_jobs.train, "tune": sdk2_jobs.tune, "deploy": deploy,
        "predict": predict, "transform": sdk2_jobs.transform, "evaluate": evaluating.evaluate,
        "teardown": teardown,
    }  # fmt: skip
    for step in run.steps:
        if step == "transform" and "deploy" not in run.steps:
            listed.append(_model(run))
        if step in makers:
            listed.append(makers[step](run))
    used = {package for section in listed for package in section.packages}
    packages = tuple(VERSIONS.get(package, package) for package in PACKAGES if package in used)
    library = "version 2 of the SageMaker Python SDK"
    return Plan(
        run.recipe.title, pieces.intro(run, library), ">=3.11", packages, tuple(listed),
        pieces.step_intro(run, library),
    )  # fmt: skip


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
    listed = [pieces.upload(), evaluating.to_csv(), *evaluating.reading_answers(run)]
    if run.wire.content_type == RECORDIO:
        listed.append(
            Section(
                "RecordIO-protobuf", tuple(_RECORDIO.split("\n")), provides=("to_recordio",),
                imports=(
                    "import io", "from sagemaker.amazon.common import write_numpy_to_dense_tensor",
                ),
                packages=("sagemaker",),
            )
        )  # fmt: skip
    return listed


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
    code = ('model = f"{NAME}-model"', *call(f"{best}.deploy", arguments, result="predictor"))
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


def predict(run: Reading) -> Section:
    """Return the section that asks the endpoint: for one row, then for the test part."""
    row = run.number("row", "predict")
    code = [
        f"body = to_csv(test_x[{row - 1}:{row}])",
        'print("We send:   ", body.strip()[:60])',
        'print("It answers:", predictor.predict(body))',
        f"print({pieces.expected_of(run, row)})",
    ]
    needs = ["predictor", "to_csv", "test_x", "test_y"]
    needs += ["classes"] if run.task in (BINARY, MULTICLASS, CLUSTERING) else []
    imports: list[str] = []
    provides: tuple[str, ...] = ()
    requests = pieces.requests_of(run)
    if requests:
        asked = "predictor.predict(to_csv(test_x[start:end]))"
        read = f"read_numbers({asked})" if evaluating.reads_csv(run) else f'{asked}["predictions"]'
        code += pieces.asking(requests, read)
        imports.append("from itertools import pairwise")
        needs += evaluating.answer_needs(run)
        provides = ("answers",)
    if run.flag("delete_endpoint", "predict"):
        code += [
            "",
            "# The endpoint has done its work, and would cost money from here on.",
            "predictor.delete_endpoint(delete_endpoint_config=True)",
        ]
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
    deployed = "deploy" in run.steps
    if deployed and not ("predict" in run.steps and run.flag("delete_endpoint", "predict")):
        code.append("predictor.delete_endpoint(delete_endpoint_config=True)")
        needs.append("predictor")
    if deployed or "transform" in run.steps:
        code.append("session.delete_model(model)")
        needs += ["session", "model"]
    last, more, imports = pieces.data_at_the_end(run)
    return Section(
        run.title("teardown"), (*code, *last), step="teardown", text=run.lesson("teardown"),
        needs=(*needs, *more), imports=imports, packages=("sagemaker",),
    )  # fmt: skip
