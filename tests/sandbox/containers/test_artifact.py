"""model_algo-1: its members, its bytes, and hostile ones."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sagewizard.sandbox.containers import ndarrays
from sagewizard.sandbox.containers.linear_learner import artifact

if TYPE_CHECKING:
    from pathlib import Path

MODEL = artifact.LinearModel(
    "binary_classifier",
    "logistic",
    np.array([[1.0], [2.0]], np.float32),
    np.array([0.5], np.float32),
    0.463,
    {"f_beta": 1.0},
)


def test_the_file_is_a_stored_zip_of_the_four_members(tmp_path: Path) -> None:
    path = artifact.write(MODEL, tmp_path)
    assert path.name == "model_algo-1"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [
            "mx-mod-symbol.json",
            "mx-mod-0000.params",
            "additional-params.json",
            "manifest.json",
        ]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        arrays = ndarrays.loads(archive.read("mx-mod-0000.params"))
        assert {name: array.shape for name, array in arrays.items()} == {
            "arg:fc0_weight": (2, 1),
            "arg:fc0_bias": (1, 1),
        }
        additional = json.loads(archive.read("additional-params.json"))
        assert additional["threshold"] == 0.463 and additional["loss_type"] == "logistic"
        symbol = json.loads(archive.read("mx-mod-symbol.json"))
        assert [node["op"] for node in symbol["nodes"]] == [
            "null",
            "null",
            "dot",
            "null",
            "broadcast_add",
            "sigmoid",
        ]
        assert symbol["arg_nodes"] == [0, 1, 3] and symbol["heads"] == [[5, 0, 0]]


def test_equal_models_are_equal_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    first = artifact.write(MODEL, tmp_path / "a").read_bytes()
    artifact.write(MODEL, tmp_path / "b")
    assert artifact.write(MODEL, tmp_path / "b").read_bytes() == first
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["model_algo-1"]


def test_a_model_is_read_back(tmp_path: Path) -> None:
    found = artifact.read(artifact.write(MODEL, tmp_path))
    np.testing.assert_array_equal(found.weights, MODEL.weights)
    np.testing.assert_array_equal(found.bias, MODEL.bias)
    assert (found.threshold, found.loss, found.width) == (0.463, "logistic", 2)


def rewrite(tmp_path: Path, changes: dict[str, bytes | None], compression: int = zipfile.ZIP_STORED) -> Path:
    source = artifact.write(MODEL, tmp_path / "sound")
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | changes
    path = tmp_path / "model_algo-1"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return path


ADDITIONAL = {"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 0.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mx-mod-0000.params": None}, "incomplete"),
        ({"additional-params.json": None}, "incomplete"),
        ({"mx-mod-0000.params": b"junk"}, "are left"),
        ({"additional-params.json": b"{"}, "valid JSON"),
        ({"additional-params.json": b"[1]"}, "object"),
        ({"additional-params.json": b"[" * 100_000}, "valid JSON"),
        ({"additional-params.json": json.dumps({**ADDITIONAL, "threshold": None}).encode()}, "threshold"),
        (
            {"additional-params.json": json.dumps({**ADDITIONAL, "threshold": float("nan")}).encode()},
            "threshold",
        ),
        (
            {"additional-params.json": json.dumps({**ADDITIONAL, "predictor_type": ["x"]}).encode()},
            "predictor",
        ),
        (
            {"additional-params.json": json.dumps({**ADDITIONAL, "loss_type": "softmax_loss"}).encode()},
            "loss",
        ),
        ({"mx-mod-0000.params": ndarrays.dumps({"arg:fc0_weight": MODEL.weights})}, "weights"),
        (
            {
                "mx-mod-0000.params": ndarrays.dumps(
                    {
                        "arg:fc0_weight": np.ones((2, 3), np.float32),
                        "arg:fc0_bias": np.ones((1, 3), np.float32),
                    }
                )
            },
            "do not fit",
        ),
        (
            {
                "mx-mod-0000.params": ndarrays.dumps(
                    {
                        "arg:fc0_weight": np.full((2, 1), np.nan, np.float32),
                        "arg:fc0_bias": MODEL.bias[None, :],
                    }
                )
            },
            "finite",
        ),
    ],
)
def test_a_damaged_model_is_refused_with_a_reason(
    tmp_path: Path, changes: dict[str, bytes | None], words: str
) -> None:
    with pytest.raises(artifact.ArtifactError, match=words):
        artifact.read(rewrite(tmp_path, changes))


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    bomb = rewrite(tmp_path, {"mx-mod-0000.params": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(artifact.ArtifactError, match="compressed"):
        artifact.read(bomb)


def test_what_is_no_archive_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(artifact.ArtifactError, match="no model_algo-1"):
        artifact.read(tmp_path / "model_algo-1")
    (tmp_path / "model_algo-1").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(artifact.ArtifactError, match="ZIP"):
        artifact.read(tmp_path / "model_algo-1")
