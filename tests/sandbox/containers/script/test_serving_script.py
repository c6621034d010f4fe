"""Endpoints of the framework images: the toolkit's defaults, a script's own functions, errors of its code."""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import sys
import tarfile

import numpy as np
import pytest
from botocore.exceptions import ClientError
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sagewizard.sandbox.containers.script import handlers, host, torch_defaults

LOAD = """
import os, pickle
def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)
"""


def pack(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    return LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))


@pytest.fixture(scope="module")
def plain(bench, model):
    """An endpoint with a model_fn only, its code in the model archive."""
    archive = pack({"model.pkl": pickle.dumps(model), "code/inference.py": LOAD})
    uri = bench.put("serve/plain/model.tar.gz", archive)
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_REGION": "us-east-1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    }
    return bench.deploy({"Image": bench.image, "ModelDataUrl": uri, "Environment": environment})


def test_npy_goes_in_and_comes_out(bench, plain, model):
    rows = load_iris().data[::10]
    body = bench.invoke(plain, npy(rows), "application/x-npy", "application/x-npy")
    assert (np.load(io.BytesIO(body)) == model.predict(rows)).all()


def test_csv_and_json_are_read_and_written_by_default(bench, plain, model):
    rows = load_iris().data[:3]
    expected = model.predict(rows).tolist()
    text = "\n".join(",".join(map(str, row)) for row in rows).encode()
    assert json.loads(bench.invoke(plain, text, "text/csv")) == expected
    assert bench.invoke(plain, text, "text/csv", "text/csv").decode().split() == [str(x) for x in expected]
    body = json.dumps(rows.tolist()).encode()
    assert json.loads(bench.invoke(plain, body, "application/json", "application/json")) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "words"),
    [
        (b"1,2", "text/csv", "", 500, "ValueError"),
        (b"{", "application/json", "", 400, "cannot be read as application/json"),
        (b"nonsense", "application/x-npy", "", 400, "cannot be read as application/x-npy"),
        (npy(np.array([{}], dtype=object)), "application/x-npy", "", 400, "cannot be read"),
        (b"x", "image/png", "", 415, "Content type image/png is not supported"),
        (b"[[1,2,3,4]]", "application/json", "image/png", 406, "Accept type image/png is not supported"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_its_text(
    bench, plain, body, content_type, accept, status, words
):
    with pytest.raises(ClientError) as caught:
        bench.invoke(plain, body, content_type, accept)
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == status
    assert words in caught.value.response["OriginalMessage"]


OWN = (
    LOAD
    + """
import json
from shared import LABELS
def input_fn(body, content_type):
    assert content_type == "application/json" and isinstance(body, str), (content_type, type(body))
    return json.loads(body)["rows"]
def predict_fn(data, model):
    if data == "explode":
        raise RuntimeError("no such flower")
    return [LABELS[int(k)] for k in model.predict(data)]
def output_fn(prediction, accept):
    return ";".join(prediction), "text/plain"
"""
)


def test_a_scripts_own_functions_serve_from_the_source_archive_of_its_training(bench, model):
    labels = "LABELS = ['setosa', 'versicolor', 'virginica']\n"
    source = bench.put("serve/own/sourcedir.tar.gz", pack({"serve.py": OWN, "shared.py": labels}))
    uri = bench.put("serve/own/model.tar.gz", pack({"model.pkl": pickle.dumps(model)}))
    environment = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    name = bench.deploy({"Image": bench.image, "ModelDataUrl": uri, "Environment": environment})
    rows = load_iris().data[[0, 60, 149]].tolist()
    answer = bench.runtime.invoke_endpoint(
        EndpointName=name, Body=json.dumps({"rows": rows}), ContentType="application/json"
    )
    assert answer["ContentType"] == "text/plain"
    assert answer["Body"].read() == b"setosa;versicolor;virginica"
    with pytest.raises(ClientError) as caught:
        bench.invoke(name, b'{"rows": "explode"}', "application/json")
    assert caught.value.response["OriginalStatusCode"] == 500
    assert caught.value.response["OriginalMessage"] == "RuntimeError: no such flower"
    assert "in predict_fn" in bench.log(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/")


def test_an_endpoint_whose_model_fn_is_missing_says_so_in_its_log(bench, model):
    uri = bench.put(
        "serve/none/model.tar.gz", pack({"model.pkl": pickle.dumps(model), "code/inference.py": ""})
    )
    name = bench.deploy({"Image": bench.image, "ModelDataUrl": uri}, expect="Failed")
    assert "Please provide a model_fn implementation" in bench.log(
        f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/"
    )


def test_an_endpoint_without_a_script_says_what_to_give(bench):
    uri = bench.put("serve/empty/model.tar.gz", pack({"x": "1"}))
    name = bench.deploy({"Image": bench.image, "ModelDataUrl": uri}, expect="Failed")
    assert "There is no script inference.py to serve with" in bench.log(
        f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/"
    )


def test_a_pytorch_image_without_a_script_serves_the_only_model_file_with_its_own_functions(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(sys, "path", list(sys.path))
    environ = {
        host.CODE_VARIABLE: "/of/nobody", host.PROGRAM_VARIABLE: "inference.py",
        host.FRAMEWORK_VARIABLE: "pytorch", "SAGEMAKER_BASE_DIR": str(tmp_path),
    }  # fmt: skip
    (tmp_path / "model").mkdir()
    for name in ("a.pth", "b.pt", "c.txt"):
        (tmp_path / "model" / name).touch()
    with pytest.raises(ValueError, match=r"Exactly one .pth or .pt file is required.*'a.pth', 'b.pt'\]"):
        host.load(environ)
    (tmp_path / "model" / "b.pt").unlink()
    wanted = "torch" if importlib.util.find_spec("torch") is None else "Failed to load .*a.pth"
    with pytest.raises((ModuleNotFoundError, torch_defaults.ModelLoadError), match=wanted):
        host.load(environ)


def test_functions_of_a_pytorch_script_may_take_a_context_and_every_error_is_a_500_with_its_traceback():
    def model_fn(model_dir, context):
        return context.system_properties["model_dir"]

    def input_fn(body, content_type):
        return json.loads(body)

    def predict_fn(data, model, context):
        return {"model": model, "n": data["n"], "type": context.get_request_header(0, "content-type")}

    def output_fn(prediction, accept):
        return prediction

    seen = []
    script = module(
        model_fn=model_fn, input_fn=input_fn, predict_fn=predict_fn, output_fn=output_fn,
        pre_model_fn=lambda folder: seen.append(folder),
        model_warmup_fn=lambda folder, model: seen.append(model),
    )  # fmt: skip
    made = handlers.of(script, "pytorch", "/opt/ml/model")
    application = host.ScriptApplication(made, made.load("/opt/ml/model"), torchserve=True)
    assert seen == ["/opt/ml/model"] * 2
    reply = application.invoke(b'{"n": 1}', "application/json", "*/*")
    assert json.loads(reply.body) == {"model": "/opt/ml/model", "n": 1, "type": "application/json"}
    assert (reply.status, reply.content_type) == (200, "application/json")
    wrong = application.invoke(b"{}", "application/json", "*/*")
    assert wrong.status == 500
    text = wrong.body.decode().splitlines()
    assert (text[0], text[1], text[-1]) == ("'n'", "Traceback (most recent call last):", "KeyError: 'n'")
    assert "in predict_fn" in text[2], "the calls that led to the script are left out"
    script.predict_fn = lambda data: data
    made = handlers.of(script, "pytorch", "/opt/ml/model")
    with pytest.raises(TypeError, match="takes 1 arguments but 2 were given"):
        made.transform("model", "{}", "application/json", "application/json")


def test_what_pytorchs_image_neither_reads_nor_writes_is_named():
    for function in (torch_defaults.read, torch_defaults.write):
        with pytest.raises(handlers.UnsupportedFormatError, match="image/png is not supported") as caught:
            function(b"", "image/png")
        assert caught.value.status == 500


def module(**functions):
    from types import ModuleType

    made = ModuleType("script")
    vars(made).update(functions)
    return made


def test_transform_fn_stands_alone():
    script = handlers.of(module(transform_fn=lambda model, body, kind, accept: (body, kind)), "sklearn")
    assert script.transform(None, "x", "text/csv", "text/csv") == ("x", "text/csv")
    with pytest.raises(ValueError, match="Cannot use transform_fn implementation in conjunction"):
        handlers.of(module(transform_fn=print, input_fn=print), "sklearn")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("a", (b"a", "text/csv")),
        (b"a", (b"a", "text/csv")),
        (("a", "text/html"), (b"a", "text/html")),
        ((b"a", "application/json"), (b"a", "application/json")),
        ({"b": 1, "a": [2.5]}, (b'{"a":[2.5],"b":1}\n', "application/json")),
    ],
)
def test_output_fn_may_answer_text_bytes_a_dictionary_or_a_pair(result, expected):
    assert handlers.reply_of(result, "text/csv") == expected


def test_output_fn_may_answer_a_response_and_nothing_else():
    from werkzeug import Response

    assert handlers.reply_of(Response(b"a", mimetype="text/html"), "text/csv") == (b"a", "text/html")
    with pytest.raises(TypeError, match="it returned a ndarray"):
        handlers.reply_of(np.zeros(3), "text/csv")


def test_a_csv_body_of_one_row_is_an_array_of_one_dimension_as_in_the_toolkit():
    assert handlers.decode("1,2", "text/csv").shape == (2,)
    assert handlers.decode("1,2\n3,4", "text/csv").dtype == np.float32


def test_pickled_arrays_are_not_loaded():
    body = npy(np.array([{"a": 1}], dtype=object))
    with pytest.raises(handlers.PayloadFormatError):
        handlers.decode(body, "application/x-npy")
