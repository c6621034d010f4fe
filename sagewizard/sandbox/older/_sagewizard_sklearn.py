"""What scripts of SageMaker's scikit-learn images count on, and the installed scikit-learn has dropped.

Each entry has the version of scikit-learn that dropped it; it is brought back for images before that one,
unless the job has installed a scikit-learn that still has it.
Sources: the "removed" entries of scikit-learn's own release notes, 0.22 to 1.8.
"""

from __future__ import annotations

import functools
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import Any

_GONE = object()  # in the place of a value: the argument is left out
_ERRORS = {"mse": "squared_error", "mae": "absolute_error"}
# module: class: (dropped in, argument, its name of today, its values of today); a value that stands in none
# of them stays as it is, and None for the name leaves the argument out whatever its value.
_ARGUMENTS: dict[str, dict[str, list[tuple[tuple[int, int], str, str | None, dict[Any, Any]]]]] = {
    "sklearn.preprocessing._encoders": {"OneHotEncoder": [((1, 4), "sparse", "sparse_output", {})]},
    "sklearn.linear_model._logistic": {
        "LogisticRegression": [
            ((1, 8), "multi_class", "multi_class", dict.fromkeys(("auto", "multinomial", "warn"), _GONE)),
            ((1, 4), "penalty", "penalty", {"none": None}),
        ],
    },
    "sklearn.linear_model._base": {"LinearRegression": [((1, 2), "normalize", "normalize", {False: _GONE})]},
    "sklearn.linear_model._ridge": {"Ridge": [((1, 2), "normalize", "normalize", {False: _GONE})]},
    "sklearn.linear_model._coordinate_descent": {
        name: [((1, 2), "normalize", "normalize", {False: _GONE})] for name in ("Lasso", "ElasticNet")
    },
    "sklearn.linear_model._stochastic_gradient": {
        "SGDClassifier": [((1, 3), "loss", "loss", {"log": "log_loss"})],
        "SGDRegressor": [((1, 2), "loss", "loss", {"squared_loss": "squared_error"})],
    },
    "sklearn.ensemble._forest": {
        **{
            name: [((1, 3), "max_features", "max_features", {"auto": "sqrt"})]
            for name in ("RandomForestClassifier", "ExtraTreesClassifier")
        },
        **{
            name: [
                ((1, 3), "max_features", "max_features", {"auto": 1.0}),
                ((1, 2), "criterion", "criterion", _ERRORS),
            ]
            for name in ("RandomForestRegressor", "ExtraTreesRegressor")
        },
    },
    "sklearn.tree._classes": {
        "DecisionTreeClassifier": [((1, 3), "max_features", "max_features", {"auto": "sqrt"})],
        "DecisionTreeRegressor": [
            ((1, 3), "max_features", "max_features", {"auto": 1.0}),
            ((1, 2), "criterion", "criterion", _ERRORS),
        ],
    },
    "sklearn.ensemble._gb": {
        "GradientBoostingClassifier": [((1, 3), "loss", "loss", {"deviance": "log_loss"})],
        "GradientBoostingRegressor": [
            ((1, 2), "loss", "loss", {"ls": "squared_error", "lad": "absolute_error"})
        ],
    },
    "sklearn.ensemble._weight_boosting": {
        "AdaBoostClassifier": [
            ((1, 4), "base_estimator", "estimator", {}),
            ((1, 8), "algorithm", None, {}),
        ],
        "AdaBoostRegressor": [((1, 4), "base_estimator", "estimator", {})],
    },
    "sklearn.ensemble._bagging": {
        name: [((1, 4), "base_estimator", "estimator", {})]
        for name in ("BaggingClassifier", "BaggingRegressor")
    },
    "sklearn.cluster._kmeans": {
        "KMeans": [
            ((1, 3), "algorithm", "algorithm", {"auto": "lloyd", "full": "lloyd"}),
            ((1, 0), "n_jobs", None, {}),
            ((1, 0), "precompute_distances", None, {}),
        ],
    },
    "sklearn.cluster._agglomerative": {
        "AgglomerativeClustering": [((1, 4), "affinity", "metric", {})],
    },
}
# Classes whose get_feature_names went in 1.2 for get_feature_names_out.
_NAMED = {
    "sklearn.feature_extraction.text": ("CountVectorizer",),
    "sklearn.feature_extraction._dict_vectorizer": ("DictVectorizer",),
    "sklearn.preprocessing._encoders": ("OneHotEncoder",),
    "sklearn.preprocessing._polynomial": ("PolynomialFeatures",),
    "sklearn.compose._column_transformer": ("ColumnTransformer",),
}


def patches(version: Sequence[int]) -> dict[str, Callable[[ModuleType], None]]:
    """Return the changes for the image of a version, by the name of the module."""
    image = tuple(version[:2])
    found: dict[str, Callable[[ModuleType], None]] = {}
    for name in {*_ARGUMENTS, *(_NAMED if image < (1, 2) else ())}:
        found[name] = functools.partial(_change_classes, image=image)
    if image < (0, 23):
        found["sklearn.externals"] = _joblib
    if image < (0, 22):
        found["sklearn.compose._column_transformer"] = functools.partial(_swap_pairs, image=image)
    found["sklearn.metrics._regression"] = _roots
    return found


def _change_classes(module: Any, image: tuple[int, ...]) -> None:
    for name, entries in _ARGUMENTS.get(module.__name__, {}).items():
        kept = [entry for entry in entries if image < entry[0] <= _installed()]
        if kept and hasattr(module, name):
            _accept(getattr(module, name), kept)
    for name in _NAMED.get(module.__name__, ()) if image < (1, 2) else ():
        kind = getattr(module, name)
        if not hasattr(kind, "get_feature_names"):
            kind.get_feature_names = _feature_names


def _installed() -> tuple[int, ...]:
    import sklearn

    return tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def _feature_names(self: Any, input_features: Any = None) -> list[str]:
    if input_features is None:
        return list(self.get_feature_names_out())
    return list(self.get_feature_names_out(input_features))


def _accept(kind: Any, entries: Sequence[tuple[tuple[int, int], str, str | None, Mapping[Any, Any]]]) -> None:
    """Let a class take old arguments; its signature, from which estimators are copied, stays its own."""
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, **options: Any) -> None:
        for _, old, new, values in entries:
            if old not in options:
                continue
            value = options.pop(old)
            with_value = value if not isinstance(value, (str, bool)) else values.get(value, value)
            if new is not None and with_value is not _GONE:
                options[new] = with_value
        original(self, *args, **options)

    kind.__init__ = init


def _joblib(module: Any) -> None:
    """Give `sklearn.externals` the joblib that it had; scikit-learn still stands on it."""
    if hasattr(module, "joblib"):
        return
    import joblib  # type: ignore[import-untyped, unused-ignore]

    module.joblib = sys.modules["sklearn.externals.joblib"] = joblib


def _swap_pairs(module: Any, image: tuple[int, ...]) -> None:
    """Let `make_column_transformer` take (columns, transformer), which was its order in 0.20."""
    _change_classes(module, image)
    if _installed() < (0, 22):
        return
    original = module.make_column_transformer

    @functools.wraps(original)
    def make_column_transformer(*pairs: Any, **options: Any) -> Any:
        turned = [(b, a) if _transforms(b) and not _transforms(a) else (a, b) for a, b in pairs]
        return original(*turned, **options)

    module.make_column_transformer = make_column_transformer


def _transforms(part: Any) -> bool:
    return hasattr(part, "fit") or part in ("drop", "passthrough")


def _roots(module: Any) -> None:
    """Give `mean_squared_error(..., squared=False)` back, which every image has."""
    for name in ("mean_squared_error", "mean_squared_log_error"):
        root = getattr(module, f"root_{name}", None)
        if root is not None and _installed() >= (1, 6):
            setattr(module, name, _with_root(getattr(module, name), root))


def _with_root(plain: Callable[..., Any], root: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def measured(*args: Any, squared: bool = True, **options: Any) -> Any:
        return (plain if squared else root)(*args, **options)

    return measured
