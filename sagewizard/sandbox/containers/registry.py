"""Knows which program stands behind an image URI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard import algorithms

if TYPE_CHECKING:
    from sagewizard.algorithms import MetricDefinition


@dataclass(frozen=True, slots=True)
class Container:
    """A program for an image: `train` and `serve` are entries "package.module:function"."""

    name: str
    version: str
    train: str
    serve: str
    metric_definitions: tuple[MetricDefinition, ...]


_PACKAGE = "sagewizard.sandbox.containers"
# algorithm: (train, serve)
_ENTRIES = {
    "linear-learner": (f"{_PACKAGE}.linear_learner.train:main", f"{_PACKAGE}.linear_learner.serve:main"),
}


def resolve(image_uri: str) -> Container:
    """Find the program of an image URI; LookupError names the image and the images there are."""
    found = algorithms.find_by_image(image_uri)
    if found is None or found[0].name not in _ENTRIES:
        known = ", ".join(
            f"{algorithms.get(name).image.repository}:{version}"
            for name in _ENTRIES
            for version in algorithms.get(name).image.tags
        )
        raise LookupError(
            f"The sandbox has no container for the image {image_uri}. It has the built-in images {known}."
        )
    algorithm, version = found
    train, serve = _ENTRIES[algorithm.name]
    return Container(algorithm.name, version, train, serve, algorithm.metric_definitions)
