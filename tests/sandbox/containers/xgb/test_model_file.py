"""Model files: written as the version writes them, and read without running what is in them."""

from __future__ import annotations

import base64
import json
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.containers.xgb import model_file
from sagewizard.sandbox.containers.xgb.image import Image

ROWS = np.arange(24, dtype=np.float32).reshape(8, 3)
MARKER = "SAGEWIZARD_PICKLE_RAN"


@pytest.fixture(scope="module")
def booster() -> Any:
    matrix = xgboost.DMatrix(ROWS, label=np.arange(8) % 2)
    return xgboost.train({"objective": "binary:logistic", "min_child_weight": 0, "nthread": 1}, matrix, 4)


def expected(booster: Any) -> np.ndarray:
    return np.asarray(booster.predict(xgboost.DMatrix(ROWS)))


@pytest.mark.parametrize("version", ["1", "1.0-1", "1.2-2", "1.3-1", "1.7-1", "3.0-5", "3.2-0"])
def test_a_model_predicts_the_same_after_being_written_and_read(
    tmp_path: Path, booster: Any, version: str
) -> None:
    image = Image(version)
    path = tmp_path / "xgboost-model"
    model_file.write(image, booster, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["xgboost-model"]
    found = model_file.read(path)
    assert np.array_equal(found.booster.predict(xgboost.DMatrix(ROWS)), expected(booster))
    assert found.features == 3 and found.pickled == image.pickles_models
    assert found.objective == "binary:logistic" and found.classes == 0 and found.rounds == (0, 0)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_are_read(tmp_path: Path, booster: Any, protocol: int) -> None:
    path = tmp_path / "xgboost-model"
    path.write_bytes(pickle.dumps(booster, protocol))
    assert np.array_equal(model_file.read(path).booster.predict(xgboost.DMatrix(ROWS)), expected(booster))


def test_a_saved_model_may_be_json_as_well(tmp_path: Path, booster: Any) -> None:
    path = tmp_path / "xgboost-model"
    path.write_bytes(bytes(booster.save_raw("json")))
    found = model_file.read(path)
    assert not found.pickled
    assert np.array_equal(found.booster.predict(xgboost.DMatrix(ROWS)), expected(booster))


class _Runs:
    def __reduce__(self) -> Any:
        return os.putenv, (MARKER, "1")


class _Evil:
    """Pickles as if it were a Booster, with something else in its state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return xgboost.core.Booster, (), self.state


def _opcodes(*parts: bytes) -> bytes:
    return b"\x80\x03" + b"".join(parts) + b"."


HOSTILE = {
    "a call": pickle.dumps(_Runs()),
    "a call in the state": pickle.dumps({"handle": _Runs()}),
    "a call by protocol 0": b"cos\nsystem\n(S'true'\ntR.",
    "eval": _opcodes(b"cbuiltins\neval\n(X\x01\x00\x00\x001tR"),
    "import by attribute": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
    "dotted name": b"\x80\x04\x8c\x0cxgboost.core\x8c\x10Booster.__init__\x93.",
    "many bytes": _opcodes(b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R"),
    "a changed stand-in": _opcodes(b"cbuiltins\nbytearray\n}X\x05\x00\x00\x00_nameX\x01\x00\x00\x00xsb"),
    "a changed class": _opcodes(b"cxgboost.core\nBooster\n}X\x01\x00\x00\x00aX\x01\x00\x00\x00xsb"),
    "a changed class by slots": _opcodes(
        b"cxgboost.core\nBooster\nN}X\x0c\x00\x00\x00__setstate__X\x01\x00\x00\x00xs\x86b"
    ),
    "a persistent id": b"\x80\x03X\x01\x00\x00\x00aQ.",
    "an extension": b"\x80\x03\x82\x01.",
    "a far memo": b"\x80\x03Nr\xff\xff\xff\x7f.",
    "an instance": b"(ios\nsystem\n.",
    "an object": b"(cos\nsystem\no.",
    "no end": b"\x80\x03}",
    "nothing": b"",
    "text": b"hello",
    "a number": pickle.dumps(5),
    "no handle": _opcodes(b"cxgboost.core\nBooster\n)\x81}b"),
    "an empty handle": _opcodes(b"cxgboost.core\nBooster\n)\x81}X\x06\x00\x00\x00handleB\x00\x00\x00\x00sb"),
    "a damaged handle": _opcodes(
        b"cxgboost.core\nBooster\n)\x81}X\x06\x00\x00\x00handleB\x02\x00\x00\x00{Lsb"
    ),
    "a deep list": b"\x80\x03" + b"]" * 5000 + b"a" * 4999 + b".",
    "damaged ubjson": b"{L\x00\x00",
    "damaged json": b'{"learner": {}}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_damaged_model_is_refused_and_nothing_runs(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "xgboost-model"
    path.write_bytes(data)
    with pytest.raises(model_file.ModelError, match="cannot be loaded"):
        model_file.read(path)
    assert MARKER not in os.environ


@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_pickle_changed_anywhere_is_read_or_refused(data: bytes, place: int) -> None:
    sound = pickle.dumps({"handle": bytearray(b"x" * 50)}, 3)
    with pytest.raises(pickle.UnpicklingError):
        model_file._handle_of(sound[: place % len(sound)] + data)


def test_models_that_older_versions_wrote_in_their_binary_format_predict_the_same(tmp_path: Path) -> None:
    # Made by those versions themselves: 120 rows of four columns, three rounds of depth 2.
    old = json.loads((Path(__file__).parent / "old_models.json").read_text())
    rows = np.array([[np.nan if value is None else value for value in row] for row in old["rows"]])
    path = tmp_path / "xgboost-model"
    for model in old["models"]:
        path.write_bytes(base64.b64decode(model["bytes"]))
        found = model_file.read(path)
        given = found.booster.predict(xgboost.DMatrix(rows))
        assert given == pytest.approx(np.array(model["predictions"]), abs=1e-6), (
            model["xgboost"],
            model["of"],
        )
        assert (found.features, found.pickled) == (4, model["kind"] == "pickle")
    for length in range(0, 500, 7):
        path.write_bytes(base64.b64decode(old["models"][1]["bytes"])[:length])
        with pytest.raises(model_file.ModelError, match="cannot be loaded"):
            model_file.read(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"tree_method": "exact", "gamma": 0.3},
        {"booster": "dart", "rate_drop": 0.5},
        {"booster": "gblinear"},
        {"objective": "multi:softprob", "num_class": 3},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"objective": "survival:cox"},
        {"objective": "rank:pairwise"},
        {"objective": "reg:pseudohubererror"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_pruned_dropped_linear_and_parallel_models_survive_the_check(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(200, 4))
    labels = (features[:, 0] + random.normal(size=200) > 0) + (features[:, 1] > 1) * ("num_class" in settings)
    matrix = xgboost.DMatrix(features, label=labels)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1, **settings}, matrix, 5)
    for version in ("1.0-1", "3.0-5"):
        model_file.write(Image(version), booster, tmp_path / "model")
        found = model_file.read(tmp_path / "model").booster
        assert np.array_equal(found.predict(matrix), booster.predict(matrix))
        assert np.array_equal(
            found.predict(matrix, pred_leaf=False, output_margin=True),
            booster.predict(matrix, output_margin=True),
        )


def _changed(data: bytes, random: Any) -> bytes:
    """Change, cut out, put in or cut off bytes at random."""
    found = bytearray(data)
    for _ in range(random.integers(1, 4)):
        place, kind = int(random.integers(len(found))), random.random()
        if kind < 0.7:
            found[place] ^= 1 << int(random.integers(8))
        elif kind < 0.8:
            del found[place : place + int(random.integers(1, 20))]
        elif kind < 0.9:
            found[place:place] = random.bytes(3)
        else:
            del found[max(place, 1) :]
    return bytes(found)


def test_models_damaged_at_random_are_refused_or_predict(tmp_path: Path, booster: Any) -> None:
    """XGBoost itself ends the process for one in a hundred of them."""
    random = np.random.default_rng(20)
    matrix = xgboost.DMatrix(ROWS)
    originals = [bytes(booster.save_raw("ubj")), bytes(booster.save_raw("json")), pickle.dumps(booster, 3)]
    path, refused = tmp_path / "model", 0
    for number in range(600):
        path.write_bytes(_changed(originals[number % 3], random))
        try:
            found = model_file.read(path)
        except model_file.ModelError:
            refused += 1
        else:
            assert len(found.booster.predict(matrix, validate_features=False, iteration_range=(0, 0))) == 8
    assert 300 < refused < 600


def test_a_folder_is_one_model_or_an_ensemble(tmp_path: Path, booster: Any) -> None:
    with pytest.raises(model_file.ModelError, match="No valid model file"):
        model_file.read_all(tmp_path, ensemble=True)
    for name in ("xgboost-model-1", "xgboost-model-0", ".hidden"):
        model_file.write(Image("1.5-1"), booster, tmp_path / name)
    (tmp_path / ".hidden").write_bytes(b"nothing")
    assert len(model_file.read_all(tmp_path, ensemble=True)) == 2
    assert len(model_file.read_all(tmp_path, ensemble=False)) == 1


def test_reading_warns_of_nothing(tmp_path: Path, booster: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for version in ("1.0-1", "3.0-5"):
            model_file.write(Image(version), booster, tmp_path / version)
            model_file.read(tmp_path / version)
