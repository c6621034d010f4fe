"""The catalogue of algorithms: the one place that knows their hyperparameters, channels, metrics and images.

    algorithm = algorithms.get("linear-learner")
    problems = algorithms.validate("linear-learner", {"predictor_type": "regressor", "epochs": "0"})
    uri = algorithms.image_uri("linear-learner", "us-east-1")

An algorithm is a module of this package with a constant `ALGORITHM`, entered in `_MODULES`. Modules are
imported when first asked for; only the standard library is used, so the command line may read all of it.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from sagewizard.algorithms.checking import validate as _validate
from sagewizard.algorithms.images import ImageUri, build_uri, parse_image_uri
from sagewizard.algorithms.schema import (
    Algorithm,
    Channel,
    Goal,
    Hyperparameter,
    ImageSource,
    InstanceTypes,
    Interval,
    Kind,
    MetricDefinition,
    Problem,
    Scaling,
    Tunable,
)
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Algorithm",
    "Channel",
    "Goal",
    "Hyperparameter",
    "ImageSource",
    "ImageUri",
    "InstanceTypes",
    "Interval",
    "Kind",
    "MetricDefinition",
    "Problem",
    "Scaling",
    "Tunable",
    "find_by_image",
    "get",
    "image_uri",
    "names",
    "parse_image_uri",
    "validate",
]

_MODULES = {
    "linear-learner": "linear_learner",
    "xgboost": "xgboost",
    "kmeans": "kmeans",
    "pca": "pca",
    "sklearn": "sklearn",
}


def names() -> tuple[str, ...]:
    """List the names of every algorithm in the catalogue."""
    return tuple(_MODULES)


@cache
def _load(name: str) -> Algorithm:
    entry: Algorithm = import_module(f"{__name__}.{_MODULES[name]}").ALGORITHM
    return entry


def get(name: str) -> Algorithm:
    """Find an algorithm by name; UsageError with the nearest name when there is none."""
    if name not in _MODULES:
        near = get_close_matches(name.replace("_", "-").lower(), _MODULES, n=1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise UsageError(
            f"there is no algorithm named '{name}'", remedy=f"{hint}Known are: {', '.join(_MODULES)}."
        )
    return _load(name)


def validate(name: str, hyperparameters: Mapping[str, str], version: str | None = None) -> list[Problem]:
    """List what is wrong with hyperparameters of an algorithm; empty when nothing is.

    With an image `version`, names that this version does not know are wrong as well.
    """
    return _validate(get(name), hyperparameters, version)


def image_uri(name: str, region: str, version: str | None = None) -> str:
    """Write the image URI of an algorithm in a region; UsageError for an unknown region or version."""
    algorithm = get(name)
    sources = [source for source in algorithm.images if version in source.tags]
    if version is not None and not sources:
        raise UsageError(
            f"{name} has no version {version}", remedy=f"Choose one of: {', '.join(algorithm.versions)}."
        )
    return build_uri(sources[0] if sources else algorithm.image, region, version)


def find_by_image(uri: str) -> tuple[Algorithm, str] | None:
    """Find the algorithm and the version an image URI stands for; None when it is none of the catalogue's.

    The account and region are checked too, so a private image that is also called `linear-learner` is not
    taken for the built-in one.
    """
    try:
        image = parse_image_uri(uri)
    except ValueError:
        return None
    for name in _MODULES:
        for source in _load(name).images:
            if image.repository != source.repository or source.accounts.get(image.region) != image.account:
                continue
            version = next((version for version, tag in source.tags.items() if tag == image.tag), None)
            if version is not None:
                return _load(name), version
    return None
