"""The model file `model_algo-1`: a stored ZIP with MXNet's graph and parameters and what MXNet does not know.

    mx-mod-symbol.json        the graph: dot, broadcast_add and, for probabilities, sigmoid or softmax
    mx-mod-0000.params        arg:fc0_weight (d, outputs) and arg:fc0_bias (1, outputs), on raw features
    additional-params.json    predictor type, loss, threshold, settings of the metrics
    manifest.json             the name of the format

Member names and their layout are those of a model.tar.gz from a real job. Reading takes the file as hostile:
members must be stored (no decompression), known by name, and no larger than the file.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.algorithms.linear_learner_hyperparameters import BINARY, LOSSES, MULTICLASS
from sagewizard.sandbox.containers import ndarrays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FILE_NAME = "model_algo-1"
SYMBOL, PARAMETERS = "mx-mod-symbol.json", "mx-mod-0000.params"
ADDITIONAL, MANIFEST = "additional-params.json", "manifest.json"
_WEIGHT, _BIAS = "arg:fc0_weight", "arg:fc0_bias"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a ZIP member needs a date; a fixed one keeps equal models equal


class ArtifactError(ValueError):
    """A model file that cannot be served; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A trained model on raw features: weights (d, outputs) and bias (outputs,) float32.

    `threshold` is for binary classifiers, on probabilities, or on margins with hinge_loss.
    """

    predictor_type: str
    loss: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    threshold: float | None = None
    metrics_params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """How many features a row must have."""
        return int(self.weights.shape[0])


def write(model: LinearModel, folder: Path) -> Path:
    """Write model_algo-1 into a folder; equal models give equal bytes."""
    members = {
        SYMBOL: _json(_symbol(model)),
        PARAMETERS: ndarrays.dumps({_WEIGHT: model.weights, _BIAS: model.bias[None, :]}),
        ADDITIONAL: _json(
            {
                "threshold": model.threshold,
                "loss_type": model.loss,
                "predictor_type": model.predictor_type,
                "metrics_params": dict(model.metrics_params),
            }
        ),
        MANIFEST: _json({"version": "1.0", "files": [SYMBOL, PARAMETERS, ADDITIONAL]}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / FILE_NAME
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".model_")
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for member, content in members.items():
                archive.writestr(zipfile.ZipInfo(member, _EPOCH), content)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def read(path: Path) -> LinearModel:
    """Read model_algo-1; ArtifactError says what is wrong with a file that is not one."""
    members = _members(path)
    try:
        arrays = ndarrays.loads(members[PARAMETERS])
    except ndarrays.NDArrayFormatError as error:
        raise ArtifactError(f"{PARAMETERS} in {path.name}: {error}") from None
    try:
        additional = json.loads(members[ADDITIONAL])
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{ADDITIONAL} in {path.name} is not valid JSON: {error}") from None
    if not isinstance(additional, dict):
        raise ArtifactError(f"{ADDITIONAL} in {path.name} does not hold an object")
    kind, loss = additional.get("predictor_type"), additional.get("loss_type")
    if not isinstance(kind, str) or kind not in LOSSES or loss not in LOSSES[kind]:
        raise ArtifactError(f"{ADDITIONAL} in {path.name}: predictor type {kind!r} with loss {loss!r}")
    weights, bias = arrays.get(_WEIGHT), arrays.get(_BIAS)
    if weights is None or bias is None or weights.ndim != 2 or bias.shape != (1, weights.shape[1]):
        raise ArtifactError(f"{PARAMETERS} in {path.name} does not hold weights (d, k) and a bias (1, k)")
    if 0 in weights.shape or (kind != MULTICLASS and weights.shape[1] != 1):
        raise ArtifactError(f"{PARAMETERS} in {path.name}: weights {weights.shape} do not fit a {kind}")
    if not np.isfinite(weights).all() or not np.isfinite(bias).all():
        raise ArtifactError(f"{PARAMETERS} in {path.name} has weights that are no finite numbers")
    threshold = additional.get("threshold")
    if kind != BINARY:
        threshold = None
    elif not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise ArtifactError(f"{ADDITIONAL} in {path.name}: the threshold {threshold!r} is not a number")
    metrics = additional.get("metrics_params")
    return LinearModel(
        kind,
        loss,
        weights,
        bias[0],
        None if threshold is None else float(threshold),
        metrics if isinstance(metrics, dict) else {},
    )


def _members(path: Path) -> dict[str, bytes]:
    """Return the members needed to serve; sizes are compared before anything is read."""
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            found = {}
            for name in (PARAMETERS, ADDITIONAL):
                info = archive.getinfo(name)
                stored = info.compress_type == zipfile.ZIP_STORED
                if not stored or info.file_size != info.compress_size or info.file_size > size:
                    raise ArtifactError(f"{name} in {path.name} is compressed or larger than the file")
                found[name] = archive.read(info)
            return found
    except KeyError as error:
        raise ArtifactError(f"{path.name} is incomplete: {error.args[0]}") from None
    except FileNotFoundError:
        raise ArtifactError(f"there is no {path.name} in the model folder") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArtifactError(f"{path.name} is not a readable ZIP archive: {error}") from None


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _symbol(model: LinearModel) -> dict[str, Any]:
    """Return the graph in MXNet's JSON: data x weight + bias, and what turns scores into probabilities."""
    nodes: list[dict[str, Any]] = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "fc0_weight", "inputs": []},
        {"op": "dot", "name": "dot0", "inputs": [[0, 0, 0], [1, 0, 0]]},
        {"op": "null", "name": "fc0_bias", "inputs": []},
        {"op": "broadcast_add", "name": "broadcast_add0", "inputs": [[2, 0, 0], [3, 0, 0]]},
    ]
    final = {"logistic": "sigmoid", "softmax_loss": "softmax"}.get(model.loss)
    if final is not None:
        nodes.append({"op": final, "name": f"{final}0", "inputs": [[4, 0, 0]]})
    return {
        "nodes": nodes,
        "arg_nodes": [number for number, node in enumerate(nodes) if node["op"] == "null"],
        "node_row_ptr": list(range(len(nodes) + 1)),
        "heads": [[len(nodes) - 1, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10700]},
    }
