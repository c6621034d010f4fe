"""The datasets that come with scikit-learn: nothing to download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewizard.data.dataset import Dataset, Split, Task, frozen


@dataclass(frozen=True, slots=True)
class _Entry:
    loader: str
    title: str
    task: Task
    licence: str
    citation: str
    image_shape: tuple[int, int] | None = None


_UCI = "CC BY 4.0, UCI Machine Learning Repository"

BUNDLED: dict[str, _Entry] = {
    "digits": _Entry(
        "load_digits",
        "1,797 handwritten digits of 8 by 8 pixels",
        "multiclass_classifier",
        _UCI,
        "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits (1998)",
        (8, 8),
    ),
    "breast-cancer": _Entry(
        "load_breast_cancer",
        "569 tumours described by 30 measures: malignant or benign",
        "binary_classifier",
        _UCI,
        "W. Wolberg, O. Mangasarian, N. Street, W. Street: Breast Cancer Wisconsin (Diagnostic) (1993)",
    ),
    "iris": _Entry(
        "load_iris",
        "150 irises of three species by the size of their petals and sepals",
        "multiclass_classifier",
        _UCI,
        "R. A. Fisher: Iris (1936)",
    ),
    "wine": _Entry(
        "load_wine",
        "178 wines of three growers by 13 chemical measures",
        "multiclass_classifier",
        _UCI,
        "S. Aeberhard, M. Forina: Wine (1991)",
    ),
    "diabetes": _Entry(
        "load_diabetes",
        "442 patients: how far the disease went within a year",
        "regressor",
        "distributed with scikit-learn (BSD 3-Clause)",
        "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least Angle Regression (2004)",
    ),
}


def load_bundled(name: str) -> Dataset:
    """Load one of BUNDLED whole, as the single split `all`."""
    import sklearn
    from sklearn import datasets

    entry = BUNDLED[name]
    bunch = getattr(datasets, entry.loader)()
    regression = entry.task == "regressor"
    labels = bunch.target.astype(np.float64 if regression else np.int64)
    return Dataset(
        name=name,
        title=entry.title,
        task=entry.task,
        feature_names=tuple(str(feature) for feature in bunch.feature_names),
        splits={"all": Split(frozen(bunch.data.astype(np.float32)), frozen(labels))},
        class_names=() if regression else tuple(str(target) for target in bunch.target_names),
        image_shape=entry.image_shape,
        source=f"scikit-learn {sklearn.__version__}, which ships it",
        verified="part of an installed package",
        licence=entry.licence,
        citation=entry.citation,
    )
