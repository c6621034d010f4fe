"""The vertebral column data of UCI: six angles and distances of the spine, and a doctor's verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sagewizard.data.arff import ArffTable, read_arff
from sagewizard.data.dataset import Dataset, Split, frozen
from sagewizard.data.sources import Address, Progress, SourceFile, fetch
from sagewizard.data.zipped import read_member
from sagewizard.errors import DataError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from sagewizard.settings import Settings

FEATURES = (
    "pelvic_incidence",
    "pelvic_tilt",
    "lumbar_lordosis_angle",
    "sacral_slope",
    "pelvic_radius",
    "degree_spondylolisthesis",
)
LABEL, CLASSES = "class", ("Abnormal", "Normal")
ROWS = 310
MEMBER = "column_2C_weka.arff"

FILE = SourceFile(
    folder="vertebral",
    name="vertebral_column_data.zip",
    digests=frozenset({"3860bb8150b2286db9353f0640f701c0c093ec98cda08fca5052fcbae28d015f"}),
    addresses=(
        Address(
            "the UCI repository",
            "http://archive.ics.uci.edu/ml/machine-learning-databases/00212/vertebral_column_data.zip",
        ),
    ),
    ceiling=4 << 20,
    contents="checked by its contents: 310 rows of six measures, each Abnormal or Normal",
    instead=(
        "Put vertebral_column_data.zip into a folder vertebral and name the folder above it in "
        "SAGEWIZARD_DATA, or run the recipe breast-cancer-xgboost: the same steps, with data that comes with "
        "scikit-learn and needs no download."
    ),
)
_UNPACKED = 1 << 20
"""Bytes the ARFF file may unpack to; it has 25 kB."""


def load_vertebral(
    *,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Dataset:
    """Find, check and read the data, in the order of the file, as the single split `all`."""
    found = fetch(FILE, read_vertebral, settings=settings, on_progress=on_progress, cancel=cancel)
    table = found.value
    return Dataset(
        name="vertebral",
        title="310 patients by six measures of their spine: Abnormal or Normal",
        task="binary_classifier",
        feature_names=FEATURES,
        splits={
            "all": Split(
                frozen(table.values[:, : len(FEATURES)].astype(np.float32)),
                frozen(table.values[:, len(FEATURES)].astype(np.int64)),
            )
        },
        class_names=CLASSES,
        image_shape=None,
        source=found.source,
        verified=found.verified,
        licence="CC BY 4.0, UCI Machine Learning Repository",
        citation="G. Barreto, A. Neto: Vertebral Column (2005), doi:10.24432/C5K89B",
    )


def read_vertebral(path: Path) -> ArffTable:
    """Read the archive and check that it holds the data; DataError names the file and what is wrong."""
    body = read_member(path, MEMBER, ceiling=_UNPACKED)
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise DataError(
            "the text holds bytes that are no ASCII", file=f"{path}/{MEMBER}", offset=error.start,
            remedy="Get the file again, or remove it.",
        ) from error  # fmt: skip
    table = read_arff(text, file=f"{path}/{MEMBER}")
    found = tuple(entry.name for entry in table.attributes)
    if found != (*FEATURES, LABEL) or table.attributes[-1].categories != CLASSES:
        raise _other(path, f"its columns are {', '.join(found[:8])}")
    if len(table.values) != ROWS:
        raise _other(path, f"it has {len(table.values)} rows, not {ROWS}")
    return table


def _other(path: Path, message: str) -> DataError:
    return DataError(
        f"this is not the vertebral column data: {message}", file=str(path),
        remedy="Get the file again, or remove it.",
    )  # fmt: skip
