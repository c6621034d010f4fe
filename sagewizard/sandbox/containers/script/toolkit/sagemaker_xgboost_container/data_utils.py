"""Files of a channel to a DMatrix, for a script of XGBoost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sagewizard.sandbox.containers.xgb.channels import CSV, LIBSVM, PARQUET, data_format


def get_content_type(content_type_cfg_val: str | None) -> str:
    """Return csv, libsvm, parquet or recordio-protobuf; libsvm when nothing is said."""
    return data_format(content_type_cfg_val or None)


def get_dmatrix(
    data_path: str | list[str],
    content_type: str,
    csv_weights: int = 0,
    is_pipe: bool = False,
    combine_train_val: bool = False,
) -> Any:
    """Read a file or all files of a folder, the label first; None when there are none."""
    import xgboost

    paths = [
        path for place in ([data_path] if isinstance(data_path, str) else data_path) for path in _files(place)
    ]
    if not paths:
        return None
    form = data_format(content_type or None)
    if form == LIBSVM:
        parts = [_libsvm(path) for path in paths]
        return xgboost.DMatrix(
            _stack([part[0] for part in parts]), label=np.concatenate([p[1] for p in parts])
        )
    if form not in (CSV, PARQUET):
        from sagewizard.data import recordio

        found = [recordio.decode(path.read_bytes()) for path in paths]
        labels = [each.labels for each in found if each.labels is not None]
        return xgboost.DMatrix(
            _stack([each.features for each in found]), label=np.concatenate(labels) if labels else None
        )
    table = _table(paths, form)
    first = 1 + (csv_weights == 1)
    return xgboost.DMatrix(
        table[:, first:], label=table[:, 0], weight=table[:, 1] if csv_weights == 1 else None
    )


def _files(place: str) -> list[Path]:
    path = Path(place)
    if path.is_file():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))


def _table(paths: list[Path], form: str) -> Any:
    import pandas as pd

    if form == PARQUET:
        frames = [pd.read_parquet(path) for path in paths]
    else:
        frames = [pd.read_csv(path, header=None) for path in paths]
    return np.concatenate([frame.to_numpy(dtype=float) for frame in frames])


def _libsvm(path: Path) -> tuple[Any, Any]:
    from sklearn.datasets import load_svmlight_file

    # Columns keep their numbers, as XGBoost's own reader does.
    features, labels = load_svmlight_file(str(path), zero_based=True)
    return features, labels


def _stack(parts: list[Any]) -> Any:
    """Put tables one below the other, as wide as the widest of them."""
    from scipy import sparse

    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    tables = [sparse.csr_matrix(part) for part in parts]
    width = max(table.shape[1] for table in tables)
    for table in tables:
        table.resize(table.shape[0], width)
    return sparse.vstack(tables, format="csr")
