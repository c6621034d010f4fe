"""The serving program of PCA: the projections of rows on the components of model_algo-1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.sandbox.containers import ndarrays, serving
from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.first_party_serving import FirstPartyApplication
from sagewizard.sandbox.containers.pca.components import Components
from sagewizard.sandbox.containers.pca.train import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def main() -> int:
    """Serve the model of the environment's tree until told to stop."""
    return serving.serve(lambda: load(os.environ))


def load(environ: Mapping[str, str]) -> FirstPartyApplication:
    """Load the model; ModelError when there is none that can be served."""
    model = Projector(read(base_folder(environ) / "model" / FILE_NAME))
    return FirstPartyApplication(model, "projections", batch=bool(environ.get(serving.BATCH_VARIABLE)))


class ModelError(ValueError):
    """A model file that cannot be served; the text says what is wrong with it."""


def read(path: Path) -> Components:
    """Read the components of a model file, taken as hostile; ModelError says what is wrong with it."""
    try:
        arrays = ndarrays.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"there is no {path.name} in the model folder") from None
    except ndarrays.NDArrayFormatError as error:
        raise ModelError(f"{path.name}: {error}") from None
    s, v, mean = (arrays.get(name) for name in ("s", "v", "mean"))
    if s is None or v is None or mean is None or v.ndim != 2 or 0 in v.shape:
        raise ModelError(f"{path.name} does not hold the arrays s, v and mean")
    if s.shape != (v.shape[1],) or mean.shape != (1, v.shape[0]):
        raise ModelError(f"{path.name}: s {s.shape}, v {v.shape} and mean {mean.shape} do not go together")
    if not all(np.isfinite(array).all() for array in (s, v, mean)):
        raise ModelError(f"{path.name} has values that are no finite numbers")
    return Components(s, v, mean)


class Projector:
    """Answers with the projections of each row, the largest component last."""

    def __init__(self, components: Components) -> None:
        self._components = components

    @property
    def width(self) -> int:
        """How many features a row must have."""
        return self._components.width

    def predict(self, features: Any) -> dict[str, NDArray[Any]]:
        """Return the column `projection` (rows, n)."""
        return {"projection": self._components.project(features)}
