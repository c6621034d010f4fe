"""Knows which program stands behind an image URI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard import algorithms
from sagewizard.sandbox.containers.script import images

if TYPE_CHECKING:
    from sagewizard.algorithms import MetricDefinition


@dataclass(frozen=True, slots=True)
class Container:
    """A program for an image: `train` and `serve` are entries "package.module:function".

    A container of `script_mode` runs people's own code and gets copies of its data. A `distributed` one is
    started once for each instance of a job.
    """

    name: str
    version: str
    train: str
    serve: str
    metric_definitions: tuple[MetricDefinition, ...]
    script_mode: bool = False
    distributed: bool = False


_PACKAGE = "sagewizard.sandbox.containers"
# algorithm: (train, serve)
_ENTRIES = {
    "linear-learner": (f"{_PACKAGE}.linear_learner.train:main", f"{_PACKAGE}.linear_learner.serve:main"),
    "kmeans": (f"{_PACKAGE}.kmeans.train:main", f"{_PACKAGE}.kmeans.serve:main"),
    "pca": (f"{_PACKAGE}.pca.train:main", f"{_PACKAGE}.pca.serve:main"),
    "xgboost": (f"{_PACKAGE}.xgb.train:main", f"{_PACKAGE}.xgb.serve:main"),
}
_DISTRIBUTED = frozenset({"xgboost"})
_SCRIPT = (f"{_PACKAGE}.script.train:main", f"{_PACKAGE}.script.serve:main")


def resolve(image_uri: str) -> Container:
    """Find the program of an image URI; LookupError names the image and the images there are."""
    framework = images.recognise(image_uri)
    if framework is not None:
        problem = images.missing(framework)
        if problem:
            raise LookupError(f"The image {image_uri} cannot run here: {problem}")
        return Container(framework.name, framework.version, *_SCRIPT, (), script_mode=True)
    found = algorithms.find_by_image(image_uri)
    if found is None or found[0].name not in _ENTRIES:
        known = ", ".join(
            f"{source.repository}:{tag}"
            for name in _ENTRIES
            for source in algorithms.get(name).images
            for tag in source.tags.values()
        )
        frameworks = ", ".join(images.REPOSITORIES)
        raise LookupError(
            f"The sandbox has no container for the image {image_uri}. It has the built-in images {known}"
            f" and, for scripts, {frameworks}."
        )
    algorithm, version = found
    train, serve = _ENTRIES[algorithm.name]
    return Container(
        algorithm.name,
        version,
        train,
        serve,
        algorithm.metric_definitions,
        distributed=algorithm.name in _DISTRIBUTED,
    )
