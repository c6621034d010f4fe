"""The HTTP shell of serving programs, and Linear Learner's replies."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sagewizard.data import recordio
from sagewizard.sandbox.containers import serving
from sagewizard.sandbox.containers.linear_learner.artifact import LinearModel, write
from sagewizard.sandbox.containers.linear_learner.serve import application as linear_learner
from sagewizard.sandbox.containers.linear_learner.serve import load
from sagewizard.sandbox.containers.serving import Gateway, Reply

if TYPE_CHECKING:
    from pathlib import Path

BINARY = LinearModel(
    "binary_classifier", "logistic", np.array([[1], [-1]], np.float32), np.array([0.0], np.float32), 0.7
)
REGRESSOR = LinearModel(
    "regressor", "squared_loss", np.array([[2], [0.5]], np.float32), np.array([1], np.float32)
)
MULTICLASS = LinearModel(
    "multiclass_classifier",
    "softmax_loss",
    np.array([[1, 0, -1], [0, 1, 0]], np.float32),
    np.array([0, 0, 0.5], np.float32),
)
CSV = b"1,0\n0,3\n"


def call(
    application: Any,
    method: str,
    path: str,
    body: bytes = b"",
    content_type: str = "",
    accept: str = "",
    *,
    length: str | None = None,
    **settings: Any,
) -> tuple[int, str, bytes, list[str]]:
    lines: list[str] = []
    gateway = Gateway(application, write=lines.append, **settings)
    status: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)) if length is None else length,
        "HTTP_ACCEPT": accept,
        "HTTP_USER_AGENT": "AHC/2.0\nforged",
        "wsgi.input": io.BytesIO(body),
    }
    reply = b"".join(gateway(environ, lambda line, headers: status.extend([line, dict(headers)])))  # type: ignore[arg-type, return-value]
    assert int(status[1]["Content-Length"]) == len(reply)
    return int(status[0].split()[0]), status[1]["Content-Type"], reply, lines


def invoke(
    model: LinearModel, accept: str = "", body: bytes = CSV, content_type: str = "text/csv", **more: Any
) -> Any:
    return call(linear_learner(model, **more), "POST", "/invocations", body, content_type, accept)


def test_ping_and_execution_parameters() -> None:
    application = linear_learner(BINARY)
    assert call(application, "GET", "/ping")[0] == 200
    status, _, body, _ = call(application, "GET", "/execution-parameters")
    parameters = json.loads(body)
    assert status == 200 and parameters["MaxConcurrentTransforms"] >= 1
    assert (parameters["BatchStrategy"], parameters["MaxPayloadInMB"]) == ("MULTI_RECORD", 6)


def test_the_default_reply_is_json_on_one_line_with_pythons_separators() -> None:
    status, content_type, body, _ = invoke(BINARY)
    score = float(1 / (1 + np.exp(np.float32(-1))))
    assert (status, content_type) == (200, "application/json")
    assert (
        body.startswith(b'{"predictions": [{"score": 0.73') and b'"predicted_label": 1}, {"score": ' in body
    )
    assert not body.endswith(b"\n")
    first, second = json.loads(body)["predictions"]
    assert first == {"score": pytest.approx(score), "predicted_label": 1} and second["predicted_label"] == 0


def test_a_label_is_positive_above_the_calibrated_threshold_and_not_above_a_half() -> None:
    body = invoke(BINARY, body=b"0.5,0\n0.9,0\n")[2]  # probabilities 0.62 and 0.71
    assert [p["predicted_label"] for p in json.loads(body)["predictions"]] == [0, 1]


def test_replies_of_the_three_kinds_have_their_shapes() -> None:
    assert invoke(REGRESSOR, body=b"1,2")[2] == b'{"predictions": [{"score": 4.0}]}'
    first, second = json.loads(invoke(MULTICLASS)[2])["predictions"]
    assert first["predicted_label"] == 0 and second["predicted_label"] == 1
    powers = np.exp([1, 0, -0.5])
    assert first["score"] == pytest.approx((powers / powers.sum()).tolist())


def test_other_replies_are_json_lines_recordio_and_csv() -> None:
    status, content_type, body, _ = invoke(BINARY, "application/jsonlines")
    rows = [json.loads(line) for line in body.split(b"\n")]
    assert (status, content_type) == (200, "application/jsonlines") and len(rows) == 2
    assert body.startswith(b'{"score": 0.73')
    status, content_type, body, _ = invoke(BINARY, "application/x-recordio-protobuf")
    columns = recordio.decode_predictions(body)
    assert content_type == "application/x-recordio-protobuf" and columns["score"].dtype == np.float32
    np.testing.assert_allclose(columns["score"], [row["score"] for row in rows])
    assert columns["predicted_label"].tolist() == [1.0, 0.0]
    status, content_type, body, _ = invoke(MULTICLASS, "text/csv")
    assert content_type == "text/csv; charset=utf-8"
    label, *scores = body.decode().split("\n")[0].split(",")
    assert label == "0" and len(scores) == 3
    assert invoke(REGRESSOR, "text/csv", b"1,2")[2] == b"4.0"


def test_batch_transform_gets_a_newline_after_every_record() -> None:
    assert invoke(REGRESSOR, "text/csv", b"1,2\n1,4", batch=True)[2] == b"4.0\n5.0\n"
    assert invoke(REGRESSOR, "application/jsonlines", b"1,2", batch=True)[2] == b'{"score": 4.0}\n'


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "application/json"),
        ("application/json; verbose=true", "application/json"),
        ("image/png, text/csv", "text/csv; charset=utf-8"),
    ],
)
def test_accept_chooses_the_reply(accept: str, given: str) -> None:
    assert invoke(BINARY, accept)[1] == given


def test_the_environment_may_choose_the_default_reply() -> None:
    application = linear_learner(REGRESSOR)
    found = call(application, "POST", "/invocations", b"1,2", "text/csv", "*/*", default_accept="text/csv")
    assert found[2] == b"4.0"


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "text"),
    [
        (
            b"1,2,3,4",
            "text/csv",
            "",
            400,
            (
                "Customer Error: The feature dimension of the input: 4 does not match the feature "
                "dimension of the model: 2. Please fix the input and try again."
            ),
        ),
        (b"1,a", "text/csv", "", 400, "Customer Error: Unable to decode payload: Incorrect"),
        (
            b"{",
            "application/json",
            "",
            400,
            "Customer Error: Unable to decode payload: Incorrect",
        ),
        (b"", "text/csv", "", 400, "Customer Error: The request body is empty."),
        (b"1,2", "image/png", "", 415, "Customer Error: Content type image/png is not supported."),
        (b"1,2", "", "", 415, "Customer Error: Content type none is not supported."),
        (b"1,2", "text/csv", "image/png", 406, "Accept type image/png is not supported."),
        (
            b'{"features": {"keys": [5], "shape": [6], "values": [1]}}',
            "application/jsonlines",
            "",
            400,
            (
                "Customer Error: The feature dimension of the input: 6 does not match the feature "
                "dimension of the model: 2."
            ),
        ),
    ],
)
def test_bad_requests_get_the_status_and_the_text_of_the_real_container(
    body: bytes, content_type: str, accept: str, status: int, text: str
) -> None:
    found = invoke(BINARY, accept, body, content_type)
    assert found[0] == status and found[2].decode().startswith(text)


def test_an_oversized_body_is_refused_with_its_limit() -> None:
    application = linear_learner(BINARY)
    for length in (None, ""):  # declared, and in chunks without a declared length
        found = call(
            application, "POST", "/invocations", b"1" * 101, "text/csv", length=length, max_content_length=100
        )
        assert found[0] == 413 and b"100 bytes" in found[2]
    assert call(application, "POST", "/invocations", b"1,2", "text/csv", length="x")[0] == 400


def test_unknown_paths_and_methods_are_refused() -> None:
    application = linear_learner(BINARY)
    assert call(application, "GET", "/")[0] == 404
    assert call(application, "GET", "/invocations")[0] == 405
    assert call(application, "POST", "/ping")[0] == 405


def test_a_model_that_breaks_is_an_internal_error_and_a_traceback_in_the_log() -> None:
    class Broken:
        def ping(self) -> bool:
            return False

        def execution_parameters(self) -> dict[str, Any]:
            return {}

        def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
            raise RuntimeError("bug")

    status, _, body, lines = call(Broken(), "POST", "/invocations", b"1", "text/csv")
    assert (status, body) == (500, b"Internal Server Error") and "RuntimeError('bug')" in lines[0]
    assert call(Broken(), "GET", "/ping")[0] == 503


def test_every_request_is_one_line_in_the_log_whatever_the_caller_sends() -> None:
    lines = call(linear_learner(BINARY), "GET", "/ping")[3]
    assert len(lines) == 1 and "\n" not in lines[0]
    assert '"GET /ping HTTP/1.1" 200 1 "-" "AHC/2.0?forged"' in lines[0]


def test_a_model_that_is_not_there_ends_the_program_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEWIZARD_BIND_UNIX": str(tmp_path / "s")}
    assert serving.serve(lambda: load(environ), environ) == 1
    assert "there is no model_algo-1 in the model folder" in capsys.readouterr().out
    assert serving.serve(lambda: load(environ), {}) == 1
    assert "SAGEWIZARD_BIND_UNIX" in capsys.readouterr().out


def test_a_model_is_loaded_from_the_tree(tmp_path: Path) -> None:
    write(REGRESSOR, tmp_path / "model")
    application = load({"SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEMAKER_BATCH": "true"})
    assert application.batch and application.model.width == 2
