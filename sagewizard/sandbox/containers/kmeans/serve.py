"""The serving program of K-Means: the nearest center and the Euclidean distance to it, from model_algo-1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.sandbox.containers import ndarrays, serving
from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.first_party_serving import FirstPartyApplication
from sagewizard.sandbox.containers.kmeans.clusters import dense, nearest
from sagewizard.sandbox.containers.kmeans.train import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def main() -> int:
    """Serve the model of the environment's tree until told to stop."""
    return serving.serve(lambda: load(os.environ))


def load(environ: Mapping[str, str]) -> FirstPartyApplication:
    """Load the model; ModelError when there is none that can be served."""
    model = Centers(read(base_folder(environ) / "model" / FILE_NAME))
    return FirstPartyApplication(model, "predictions", batch=bool(environ.get(serving.BATCH_VARIABLE)))


class ModelError(ValueError):
    """A model file that cannot be served; the text says what is wrong with it."""


def read(path: Path) -> NDArray[np.float32]:
    """Read the centers (k, d) of a model file, taken as hostile; ModelError says what is wrong with it."""
    try:
        arrays = ndarrays.loads_list(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"there is no {path.name} in the model folder") from None
    except ndarrays.NDArrayFormatError as error:
        raise ModelError(f"{path.name}: {error}") from None
    sound = len(arrays) == 1 and arrays[0].ndim == 2 and 0 not in arrays[0].shape
    if not sound or not np.isfinite(arrays[0]).all():
        raise ModelError(f"{path.name} does not hold the centers of clusters, one array (k, d)")
    return arrays[0]


class Centers:
    """Answers with the nearest of k centers."""

    def __init__(self, centers: NDArray[np.float32]) -> None:
        self._centers = centers.astype(np.float64)

    @property
    def width(self) -> int:
        """How many features a row must have."""
        return int(self._centers.shape[1])

    def predict(self, features: Any) -> dict[str, NDArray[Any]]:
        """Return `closest_cluster` and `distance_to_cluster`, both floats as in the real replies."""
        labels, squared = nearest(dense(features), self._centers)
        distance = np.sqrt(squared).astype(np.float32)
        return {"closest_cluster": labels.astype(np.float32), "distance_to_cluster": distance}
