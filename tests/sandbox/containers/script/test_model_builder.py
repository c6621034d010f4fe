"""What code that ModelBuilder of SDK 3 packed with a model imports in a Python without that SDK."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sagewizard.sandbox.containers.script import host, packages, serve
from sagewizard.sandbox.containers.script import model_builder as stand_in

WRAPPERS = "sagemaker.serve.builder.schema_builder"


def pack(folder, script="from sagemaker.serve.constants import Framework\n"):
    folder.joinpath("serve.pkl").write_bytes(b"")
    folder.joinpath("inference.py").write_text(script, encoding="utf-8")


@pytest.fixture
def provided(tmp_path, monkeypatch):
    """A folder as ModelBuilder leaves it, and its imports; what was imported before is put back."""
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "sagemaker"}
    pack(tmp_path)
    assert stand_in.provide(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "sagemaker"]:
        del sys.modules[name]
    sys.modules.update(kept)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_nothing_is_put_in_the_place_of_an_sdk_that_is_there_nor_for_other_code(tmp_path, monkeypatch):
    assert not stand_in.provide(tmp_path)
    pack(tmp_path, "from sagemaker.serve.spec.inference_spec import InferenceSpec\n")  # version 2 packs this
    assert not stand_in.provide(tmp_path)
    pack(tmp_path)
    monkeypatch.setattr(stand_in, "version", lambda name: "1.27.0")
    assert not stand_in.provide(tmp_path)


def test_a_pickled_schema_reads_requests_and_writes_replies(provided, monkeypatch):
    for kind, module in (
        ("SchemaBuilder", WRAPPERS), ("DeserializerWrapper", WRAPPERS), ("JSONSerializerWrapper", WRAPPERS),
        ("NumpyDeserializer", "sagemaker.core.deserializers.base"),
    ):  # fmt: skip
        monkeypatch.setattr(getattr(stand_in, kind), "__module__", module)
    schema, reader = stand_in.SchemaBuilder(), stand_in.DeserializerWrapper()
    reader.__dict__.update(_deserializer=stand_in.NumpyDeserializer(), _accept=("application/x-npy",))
    schema.__dict__.update(input_deserializer=reader, output_serializer=stand_in.JSONSerializerWrapper())
    data = pickle.dumps(schema)
    assert WRAPPERS.encode() in data and b"sagewizard" not in data
    found = pickle.loads(data)
    read = found.input_deserializer.deserialize(io.BytesIO(npy(np.eye(2))), "text/html")
    assert json.loads(found.output_serializer.serialize({"p": read})) == {"p": [[1, 0], [0, 1]]}


@pytest.mark.parametrize(
    ("name", "given", "written"),
    [
        ("core.serializers.base.StringSerializer", "é", "é".encode()),
        ("core.serializers.base.DataSerializer", {"data": b"x"}, b"x"),
        ("core.serializers.base.NumpySerializer", [1, 2], npy(np.array([1, 2]))),
        ("serve.builder.schema_builder.CSVSerializerWrapper", pd.DataFrame({"a": [1], "b": ["x"]}), b"1,x\n"),
        ("serve.builder.schema_builder.CSVSerializerWrapper", np.eye(2), b"1.0,0.0\n0.0,1.0"),
        ("serve.builder.schema_builder.CSVSerializerWrapper", [1, 2], b"1,2"),
    ],
)
def test_replies_are_written_as_their_type_says(provided, name, given, written):
    module, _, kind = f"sagemaker.{name}".rpartition(".")
    assert getattr(importlib.import_module(module), kind)().serialize(given) == written


@pytest.mark.parametrize(
    ("kind", "body", "media", "read"),
    [
        ("StringDeserializer", b"x", "text/plain", "x"),
        ("BytesDeserializer", b"x", "", b"x"),
        ("JSONDeserializer", b'{"a": 1}', "application/json", {"a": 1}),
        ("NumpyDeserializer", b"1,2", "text/csv", [1.0, 2.0]),
        ("NumpyDeserializer", b"[1, 2]", "application/json", [1, 2]),
        ("PandasDeserializer", b"a,b\n1,2\n", "text/csv", {"a": {0: 1}, "b": {0: 2}}),
        ("PandasDeserializer", b'{"a": {"0": 1}}', "application/json", {"a": {0: 1}}),
    ],
)
def test_requests_are_read_by_their_type(provided, kind, body, media, read):
    found = getattr(importlib.import_module("sagemaker.core.deserializers.base"), kind)()
    value = found.deserialize(io.BytesIO(body), media)
    if isinstance(value, pd.DataFrame):
        value = value.to_dict()
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == read


def test_a_pickle_that_was_changed_is_refused(provided):
    check = importlib.import_module("sagemaker.serve.validations.check_integrity").perform_integrity_check
    metadata = provided / "metadata.json"
    with pytest.raises(ValueError, match="does not exist"):
        check(b"x", metadata)
    metadata.write_text(json.dumps({"sha256_hash": hashlib.sha256(b"x").hexdigest()}), encoding="utf-8")
    check(b"x", metadata)
    with pytest.raises(ValueError, match="Integrity"):
        check(b"y", metadata)


def test_the_class_of_a_model_says_which_framework_it_is_of(provided):
    detector = importlib.import_module("sagemaker.serve.detector.image_detector")
    kind = type("XGBClassifier", (dict,), {"__module__": "xgboost.sklearn"})
    assert detector._get_model_base(model=kind()) is kind
    assert detector._get_model_base(type("Mine", (dict,), {})()) is dict
    found = detector._detect_framework_and_version(model_base="<class 'xgboost.sklearn.XGBClassifier'>")
    assert found == ("xgboost", "")
    assert detector._detect_framework_and_version("<class 'torch.nn.Module'>") == ("pytorch", "")


@pytest.mark.parametrize(
    ("script", "codes", "seen"),
    [
        ("import sagemaker.serve.constants", [0], ["try"]),
        ("import sagemaker.serve.constants", [1], ["try"]),
        ("import sagemaker.serve.constants", [host.MODULE_IS_MISSING, 0], ["try", "install", "serve"]),
        ("import anything", [0], ["install", "serve"]),
    ],
)
def test_what_model_builder_asks_for_is_installed_only_when_something_is_missing(
    tmp_path, monkeypatch, script, codes, seen
):
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    pack(code, script)
    code.joinpath("requirements.txt").write_text("everything==1.0\n", encoding="utf-8")
    calls, left = [], list(codes)

    def run(command, env, folder):
        calls.append("try" if host.TRY_VARIABLE in env else "serve")
        return SimpleNamespace(code=left.pop(0))

    world = SimpleNamespace(
        shown=True, root="/opt/ml", name=str, command=lambda command, folder: command,
        environment=lambda environ, extra, path: dict(extra),
    )  # fmt: skip
    monkeypatch.setattr(serve, "open_world", lambda base, environ: world)
    monkeypatch.setattr(serve, "run", run)
    monkeypatch.setattr(packages, "create", lambda base, framework, with_pip: base / "bin")
    monkeypatch.setattr(packages, "install", lambda *given: calls.append("install"))
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
    environ = {
        "SAGEMAKER_BASE_DIR": str(tmp_path),
        "SAGEWIZARD_IMAGE": image,
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    }
    assert (serve.serve(environ), calls) == (codes[-1], seen)


def test_a_host_that_only_tries_says_what_is_missing(tmp_path, monkeypatch, capsys):
    tmp_path.joinpath("inference.py").write_text("import of_nobody_at_all\n", encoding="utf-8")
    for name, value in (
        (host.CODE_VARIABLE, str(tmp_path)), (host.PROGRAM_VARIABLE, "inference.py"),
        (host.FRAMEWORK_VARIABLE, "sklearn"), ("SAGEMAKER_BASE_DIR", str(tmp_path)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(host.TRY_VARIABLE, "1")
    sys.modules.pop("inference", None)
    assert host.main() == host.MODULE_IS_MISSING
    assert "No module named 'of_nobody_at_all'; requirements.txt is installed." in capsys.readouterr().out
    monkeypatch.delenv(host.TRY_VARIABLE)
    monkeypatch.setenv("SAGEWIZARD_BIND_UNIX", str(tmp_path / "s"))
    assert host.main() == 1
    assert "The model cannot be served" in capsys.readouterr().out
