"""Serving: request formats, replies of each version, selectable contents, widths, ensembles and refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost

from sagewizard.data import recordio
from sagewizard.sandbox.containers.xgb import payloads, serve
from sagewizard.sandbox.containers.xgb.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard import algorithms
else:
    from sagewizard import algorithms

ROWS = np.array([[1, 2, 3], [4, 5, 6], [9, 0, 1]], np.float64)
BODY = b"1,2,3\n4,5,6\n9,0,1"
JSON, JSONLINES = "application/json", "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"


@pytest.fixture
def application(tmp_path: Path) -> Callable[..., serve.XgboostApplication]:
    """Train a model of three features and serve it as some version, with some environment."""
    from sagewizard.sandbox.containers.xgb import model_file

    def make(
        version: str = "1.0-1", objective: str = "binary:logistic", models: int = 1, **environ: str
    ) -> serve.XgboostApplication:
        random = np.random.default_rng(3)
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        settings: dict[str, Any] = {"objective": objective, "nthread": 1, "base_score": 0.5}
        if objective.startswith("multi:"):
            settings["num_class"] = 3
        for number in range(models):
            features = random.normal(4, 3, (60, 3))
            labels = (features[:, number % 3] > 4) * 1 + (features[:, 0] > 7) * objective.startswith("multi:")
            matrix = xgboost.DMatrix(features, label=labels)
            booster = xgboost.train(settings, matrix, 6)
            model_file.write(Image(version), booster, folder / f"xgboost-model-{number}")
        uri = algorithms.image_uri("xgboost", "us-east-1", version)
        return serve.XgboostApplication(
            {"SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEWIZARD_IMAGE": uri, **environ}
        )

    return make


def scores(served: serve.XgboostApplication, rows: np.ndarray = ROWS) -> list[Any]:
    """What the first model predicts, as a reply writes it."""
    found: list[Any] = served.models()[0].booster.predict(xgboost.DMatrix(rows)).tolist()
    return found


@pytest.mark.parametrize("version", ["1", "0.90-2", "1.0-1", "1.2-1"])
def test_csv_is_one_line_without_an_end_until_1_2_1(application: Any, version: str) -> None:
    served = application(version)
    reply = served.invoke(BODY, "text/csv", "*/*")
    assert reply.content_type == "text/csv; charset=utf-8" and reply.status == 200
    assert reply.body.decode() == ",".join(map(str, scores(served)))


@pytest.mark.parametrize("version", ["1.2-2", "1.3-1", "1.7-1", "3.0-5"])
def test_csv_is_a_line_a_prediction_from_1_2_2_on(application: Any, version: str) -> None:
    served = application(version)
    assert served.invoke(BODY, "text/csv", "text/csv").body.decode() == "".join(
        f"{score}\n" for score in scores(served)
    )


@pytest.mark.parametrize("version", ["1.0-1", "3.0-5"])
def test_batch_transform_gets_a_line_a_prediction_from_all(application: Any, version: str) -> None:
    served = application(version, SAGEMAKER_BATCH="True")
    body = served.invoke(BODY, "text/csv", "*/*").body.decode()
    assert body == "\n".join(map(str, scores(served))) + "\n"


def test_several_classes_are_lists_in_old_replies_and_columns_in_new_ones(application: Any) -> None:
    served = application("1.0-1", "multi:softprob")
    found = scores(served)
    assert served.invoke(BODY, "text/csv", "*/*").body.decode() == ",".join(map(str, found))
    served = application("1.5-1", "multi:softprob")
    assert served.invoke(BODY, "text/csv", "*/*").body.decode() == "".join(
        ",".join(map(str, row)) + "\n" for row in found
    )


def test_json_jsonlines_and_recordio_replies(application: Any) -> None:
    served = application("1.7-1")
    found = scores(served)
    assert json.loads(served.invoke(BODY, "text/csv", JSON).body) == {
        "predictions": [{"score": score} for score in found]
    }
    lines = served.invoke(BODY, "text/csv", JSONLINES).body.decode().splitlines()
    assert [json.loads(line)["score"] for line in lines] == found
    reply = served.invoke(BODY, "text/csv", RECORDIO)
    assert reply.content_type == RECORDIO
    decoded = recordio.decode_predictions(reply.body)
    assert np.ravel(decoded["score"]).tolist() == found


def test_requests_may_be_csv_libsvm_or_recordio(application: Any) -> None:
    served = application("1.7-1")
    expected = served.invoke(BODY, "text/csv", "*/*").body
    assert served.invoke(b"1\t2\t3\r\n4\t5\t6\r\n9\t0\t1\n", "csv", "*/*").body == expected
    assert served.invoke(recordio.encode(ROWS), RECORDIO, "*/*").body == expected
    assert served.invoke(recordio.encode(ROWS.astype(np.int32)), RECORDIO, "*/*").body == expected
    libsvm = b"1 0:1 1:2 2:3\n0 0:4 1:5 2:6\n0 0:9 1:0 2:1"
    for content_type in ("text/libsvm", "text/x-libsvm", "libsvm"):
        assert served.invoke(libsvm, content_type, "*/*").body == expected
    assert served.invoke(libsvm, "", "*/*").body == expected, "without a content type it is libsvm"
    assert application("0.90-2").invoke(BODY, "", "*/*").status == 200, "or CSV in the oldest images"


def test_an_empty_field_is_a_missing_value(application: Any) -> None:
    served = application()
    expected = scores(served, np.array([[1, np.nan, 3]]))
    assert served.invoke(b"1,,3", "text/csv", "*/*").body.decode() == str(expected[0])


@pytest.mark.parametrize(
    ("body", "content_type", "status", "text"),
    [
        (b"", "text/csv", 204, ""),
        (
            b"1,x,3",
            "text/csv",
            415,
            (
                "Loading csv data failed with Exception, please ensure data is in csv format:\n <class "
                "'ValueError'>\n "
                "could not convert string to float: 'x'"
            ),
        ),
        (
            b"1,2,3\n1,2",
            "text/csv",
            415,
            (
                "Loading csv data failed with Exception, please ensure data is in csv format:\n <class "
                "'ValueError'>\n "
                "setting an array element with a sequence."
            ),
        ),
        (
            b"0:x",
            "text/libsvm",
            415,
            (
                "Loading libsvm data failed with Exception, please ensure data is in libsvm format:\n "
                "<class 'ValueError'>\n could not convert string to float: 'x'"
            ),
        ),
        (b"junk", RECORDIO, 415, "Loading recordio-protobuf data failed with Exception, please ensure data"),
        (
            b"{}",
            JSON,
            415,
            (
                "application/json is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, "
                "text/csv, "
            ),
        ),
        (b"PAR1", "application/x-parquet", 415, "Content-type application/x-parquet is not supported."),
        (
            b"1,2",
            "text/csv",
            200,
            "",
        ),
        (
            b"1,2,3,4",
            "text/csv",
            400,
            (
                "Unable to evaluate payload provided: Feature size of csv inference data 4 is not "
                "consistent with "
                "feature size of trained model 3."
            ),
        ),
        (
            b"1",
            "text/csv",
            400,
            (
                "Unable to evaluate payload provided: Feature size of csv inference data 1 is not "
                "consistent with "
                "feature size of trained model 3."
            ),
        ),
        (
            b"1 4:1",
            "text/libsvm",
            400,
            (
                "Unable to evaluate payload provided: Feature size of libsvm inference data 5 is larger "
                "than feature "
                "size of trained model 3."
            ),
        ),
        (b"1 0:1", "text/libsvm", 200, ""),
        (b"1 3:1", "text/libsvm", 200, ""),
    ],
)
def test_codes_and_sentences_of_odd_requests(
    application: Any, body: bytes, content_type: str, status: int, text: str
) -> None:
    reply = application("1.0-1").invoke(body, content_type, "*/*")
    assert reply.status == status, reply.body
    assert reply.body.decode().startswith(text)


def test_a_saved_model_checks_no_names_but_refuses_too_many_columns(application: Any) -> None:
    served = application("3.0-5")
    assert served.invoke(b"1,2", "text/csv", "*/*").status == 200
    reply = served.invoke(b"1,2,3,4", "text/csv", "*/*")
    assert reply.status == 400 and b"Number of columns does not match" in reply.body
    assert b"Stack trace" not in reply.body


def test_a_reply_type_that_is_not_written_is_406(application: Any) -> None:
    reply = application().invoke(BODY, "text/csv", "image/png")
    assert reply.status == 406
    assert reply.body.decode() == (
        "Accept type image/png is not supported. Please use supported accept types: ['application/json', "
        "'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv']."
    )


def test_the_oldest_images_answer_with_csv_whatever_is_accepted(application: Any) -> None:
    served = application("0.90-1")
    for accept in ("application/csv", "application/json"):
        reply = served.invoke(BODY, "text/csv", accept)
        assert (reply.status, reply.content_type) == (200, "text/csv; charset=utf-8")
        assert reply.body == served.invoke(BODY, "text/csv", "*/*").body


def test_a_model_that_cannot_be_loaded_is_500_and_the_container_still_answers_ping(
    application: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    application()
    (tmp_path / "model" / "xgboost-model-0").write_bytes(b"\x80\x03cos\nsystem\n.")
    served = serve.XgboostApplication({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    assert served.ping() and "Unable to load model" in capsys.readouterr().out
    reply = served.invoke(BODY, "text/csv", "*/*")
    assert reply.status == 500
    text = reply.body.decode()
    assert text.startswith("Unable to load model: Model at /opt/ml/model/xgboost-model-0 cannot be loaded:\n")
    assert "os.system" in text and str(tmp_path) not in text


@pytest.mark.parametrize(
    ("objective", "names", "first"),
    [
        ("binary:logistic", "predicted_label, probability,raw_score", {"predicted_label": int}),
        ("binary:logistic", "labels,probabilities,raw_scores", {"labels": list, "probabilities": list}),
        ("binary:hinge", "predicted_label,labels,raw_scores", {"predicted_label": float}),
        ("binary:logitraw", "predicted_label,raw_score", {"predicted_label": int}),
        ("multi:softprob", "predicted_label,labels,probability,probabilities", {"labels": list}),
        ("multi:softmax", "predicted_label,labels", {"predicted_label": float}),
        ("reg:squarederror", "predicted_score", {"predicted_score": float}),
    ],
)
def test_contents_are_selected_by_name(
    application: Any, objective: str, names: str, first: dict[str, type]
) -> None:
    served = application("1.3-1", objective, SAGEMAKER_INFERENCE_OUTPUT=names)
    rows = json.loads(served.invoke(BODY, "text/csv", JSON).body)["predictions"]
    assert len(rows) == 3 and set(rows[0]) == set(names.replace(" ", "").split(","))
    assert all(isinstance(rows[0][name], kind) for name, kind in first.items())
    if "labels" in rows[0]:
        assert rows[0]["labels"] == ([0, 1, 2] if objective.startswith("multi:") else [0, 1])
    if objective == "binary:logistic" and "probabilities" in rows[0]:
        assert rows[0]["probabilities"][1] == scores(served)[0] and sum(rows[0]["probabilities"]) == 1
    if objective == "multi:softprob":
        assert rows[2]["predicted_label"] == int(np.argmax(rows[2]["probabilities"]))
        assert rows[2]["probability"] == max(rows[2]["probabilities"])


def test_selected_contents_in_the_other_reply_types(application: Any) -> None:
    served = application("1.3-1", SAGEMAKER_INFERENCE_OUTPUT="predicted_label,probabilities,predicted_score")
    found = scores(served)
    lines = served.invoke(BODY, "text/csv", "*/*").body.decode().split("\n")
    assert lines[0] == f'{int(found[0] > 0.5)},"[{1 - found[0]}, {found[0]}]",nan' and len(lines) == 3
    row = json.loads(served.invoke(BODY, "text/csv", JSONLINES).body.decode().splitlines()[1])
    assert row["predicted_label"] == int(found[1] > 0.5) and np.isnan(row["predicted_score"])
    decoded = recordio.decode_predictions(served.invoke(BODY, "text/csv", RECORDIO).body)
    assert decoded["probabilities"].shape == (3, 2)
    batch = application("1.3-1", SAGEMAKER_INFERENCE_OUTPUT="probability", SAGEMAKER_BATCH="1")
    assert batch.invoke(BODY, "text/csv", "*/*").body.endswith(b"\n")


def test_an_objective_without_selectable_contents_is_500(application: Any) -> None:
    served = application("1.3-1", "count:poisson", SAGEMAKER_INFERENCE_OUTPUT="predicted_score")
    reply = served.invoke(BODY, "text/csv", "*/*")
    assert reply.status == 500
    assert reply.body == b"Objective `count:poisson` unsupported for selectable inference predictions."


def test_an_ensemble_answers_with_the_mean_or_the_majority(application: Any) -> None:
    served = application("1.5-1", models=3)
    each = [model.booster.predict(xgboost.DMatrix(ROWS)) for model in served.models()]
    rows = json.loads(served.invoke(BODY, "text/csv", JSON).body)["predictions"]
    assert [row["score"] for row in rows] == np.mean(each, axis=0).tolist()
    alone = application("1.5-1", models=3, SAGEMAKER_INFERENCE_ENSEMBLE="false")
    rows = json.loads(alone.invoke(BODY, "text/csv", JSON).body)["predictions"]
    assert [row["score"] for row in rows] == each[0].tolist()
    voted = application("1.5-1", "multi:softmax", models=3)
    each = [model.booster.predict(xgboost.DMatrix(ROWS)) for model in voted.models()]
    rows = json.loads(voted.invoke(BODY, "text/csv", JSON).body)["predictions"]
    counts = [max(sorted(set(column)), key=column.count) for column in np.stack(each).T.tolist()]
    assert [row["score"] for row in rows] == counts


def test_execution_parameters_follow_the_limit(application: Any) -> None:
    assert application().execution_parameters()["MaxPayloadInMB"] == 6
    assert application(MAX_CONTENT_LENGTH=str(50 << 20)).execution_parameters()["MaxPayloadInMB"] == 20
    parameters = application().execution_parameters()
    assert parameters["BatchStrategy"] == "MULTI_RECORD" and parameters["MaxConcurrentTransforms"] >= 1


def test_a_sparse_row_cannot_ask_for_all_memory() -> None:
    with pytest.raises(payloads.PayloadError, match="column index is too large"):
        payloads.decode(b"1 4000000000:1", "libsvm")
    with pytest.raises(payloads.PayloadError, match="negative column index"):
        payloads.decode(b"1 -1:1", "libsvm")
    with pytest.raises(payloads.PayloadError, match="`inf` or a value too large"):
        payloads.decode(b"1,inf", "csv")
