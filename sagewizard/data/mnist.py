"""MNIST in the layout of the SageMaker tutorials: a pickle of train, validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.data.dataset import SPLITS, Dataset, Split, frozen
from sagewizard.data.safe_pickle import load_pickle
from sagewizard.data.sources import Address, Progress, SourceFile, fetch
from sagewizard.errors import DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard.settings import Settings

ROWS = (50_000, 10_000, 10_000)
PIXELS = 28 * 28

_BUCKET = "https://sagemaker-example-files-prod-us-east-1.s3.amazonaws.com"

FILE = SourceFile(
    folder="mnist",
    name="mnist.pkl.gz",
    digests=frozenset({"83390dc2e85a0f578a4a61ef919e56b43ef760d05511117686cfc2ec41965672"}),
    addresses=(
        Address("SageMaker's example bucket", f"{_BUCKET}/datasets/image/MNIST/mnist.pkl.gz"),
        Address(
            "a public copy",
            "https://raw.githubusercontent.com/mnielsen/neural-networks-and-deep-learning/master/data/mnist.pkl.gz",
        ),
    ),
    ceiling=64 << 20,
    contents="checked by its contents: 50,000, 10,000 and 10,000 rows of 784 pixels, labels 0 to 9",
    instead=(
        "Put mnist.pkl.gz into a folder mnist and name the folder above it in SAGEWIZARD_DATA, or run the "
        "recipe digits-linear-learner: its dataset, digits, comes with scikit-learn and needs no download."
    ),
)

_UNPACKED = 256 << 20
"""Bytes the pickle may unpack to; it takes 222 MB."""


def load_mnist(
    *,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Dataset:
    """Find, check and read MNIST; pixels are float32 from 0 (paper) to 1 (ink), labels 0 to 9."""
    found = fetch(FILE, read_mnist, settings=settings, on_progress=on_progress, cancel=cancel)
    return Dataset(
        name="mnist",
        title="70,000 handwritten digits of 28 by 28 pixels",
        task="multiclass_classifier",
        feature_names=tuple(f"pixel_{row}_{column}" for row in range(28) for column in range(28)),
        splits=found.value,
        class_names=tuple("0123456789"),
        image_shape=(28, 28),
        source=found.source,
        verified=found.verified,
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits (1998)",
    )


def read_mnist(path: Path) -> dict[str, Split]:
    """Read the pickle and check that it holds MNIST; DataError names the file and what is wrong."""
    content = load_pickle(path, ceiling=_UNPACKED)
    if type(content) not in (tuple, list) or len(content) != len(SPLITS):
        raise _error(path, "it does not hold the three parts train, validation and test")
    return {
        name: _part(path, name, part, rows) for name, part, rows in zip(SPLITS, content, ROWS, strict=True)
    }


def _part(path: Path, name: str, part: Any, rows: int) -> Split:
    if type(part) not in (tuple, list) or len(part) != 2 or not all(isinstance(a, np.ndarray) for a in part):
        raise _error(path, f"{name} is not a pair of arrays")
    features, labels = part
    if features.shape != (rows, PIXELS) or features.dtype.kind != "f":
        raise _error(path, f"the {name} images are {features.dtype} {features.shape}, not ({rows}, {PIXELS})")
    if labels.shape != (rows,) or labels.dtype.kind not in "iu":
        raise _error(path, f"the {name} labels are {labels.dtype} {labels.shape}, not ({rows},)")
    if not (features.min() >= 0 and features.max() <= 1):  # NaN fails this too
        raise _error(path, f"the {name} pixels are not all from 0 to 1")
    if labels.min() < 0 or labels.max() > 9:
        raise _error(path, f"the {name} labels are not all from 0 to 9")
    return Split(frozen(features.astype(np.float32, copy=False)), frozen(labels.astype(np.int64, copy=False)))


def _error(path: Path, message: str) -> DataError:
    return DataError(
        f"this is not the MNIST pickle: {message}", file=str(path), remedy="Get the file again, or remove it."
    )
