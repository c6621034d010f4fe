"""Knows which program stands behind an image URI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard import algorithms
from sagewizard.sandbox.containers.script import images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewizard.algorithms import MetricDefinition
    from sagewizard.sandbox.containers.script.images import Framework

# What names the script of a training job (a hyperparameter) and of a model (in its environment).
PROGRAMS = ("sagemaker_program", "SAGEMAKER_PROGRAM")


@dataclass(frozen=True, slots=True)
class Container:
    """A program for an image: `train` and `serve` are entries "package.module:function".

    A container of `script_mode` runs people's own code and gets copies of its data. A `distributed` one is
    started once for each instance of a job. `script` is what runs in its place when a script is given.
    """

    name: str
    version: str
    train: str
    serve: str
    metric_definitions: tuple[MetricDefinition, ...]
    script_mode: bool = False
    distributed: bool = False
    script: Container | None = None


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


def _there_is(image_uri: str) -> str:
    """Say which images there are: the tags of the repository, where it is a known one, else the names."""
    tags: dict[str, list[str]] = {}
    for name in _ENTRIES:
        for source in algorithms.get(name).images:
            tags.setdefault(source.repository, []).extend(source.tags.values())
    repository = image_uri.rpartition("/")[2].partition(":")[0]
    if repository in tags:
        known = ", ".join(dict.fromkeys(tags[repository]))
        return f"Of {repository} the sandbox has the tags {known}, at AWS's accounts."
    names = ", ".join(dict.fromkeys([*tags, *images.REPOSITORIES]))
    return f"The sandbox has {names}, each at AWS's accounts, and runs no images of your own."


def resolve(image_uri: str) -> Container:
    """Find the program of an image URI; LookupError names the image and the images there are."""
    framework = images.recognise(image_uri)
    found = algorithms.find_by_image(image_uri)
    built_in = found is not None and found[0].name in _ENTRIES
    if framework is not None and framework.name not in _ENTRIES:
        return _scripts(framework)
    if found is None or not built_in:
        raise LookupError(f"The sandbox has no container for the image {image_uri}. {_there_is(image_uri)}")
    algorithm, version = found
    train, serve = _ENTRIES[algorithm.name]
    return Container(
        algorithm.name,
        version,
        train,
        serve,
        algorithm.metric_definitions,
        distributed=algorithm.name in _DISTRIBUTED,
        script=_scripts(framework) if framework is not None else None,
    )


def with_script(container: Any, given: Mapping[str, str], entry_point: Sequence[str] | None = None) -> Any:
    """Return what runs with these hyperparameters, or this environment of a model: a script, if given.

    An `entry_point` that a training job names in the place of the image's own is a script, too. A container
    that knows no scripts is returned as it is.
    """
    script = getattr(container, "script", None)
    if script is not None and (entry_point or any(given.get(name) for name in PROGRAMS)):
        return script
    return container


def _scripts(framework: Framework) -> Container:
    return Container(framework.name, framework.version, *_SCRIPT, (), script_mode=True, distributed=True)
