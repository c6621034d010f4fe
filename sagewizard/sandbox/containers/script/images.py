"""Which image URIs are framework images, and what stands in for them here; imports nothing heavy."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from sagewizard.algorithms import parse_image_uri
from sagewizard.algorithms.framework_accounts import DEEP_LEARNING_ACCOUNTS, FRAMEWORK_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Mapping

# repository: (framework, package, accounts, form of the tag: first the version)
REPOSITORIES: Mapping[str, tuple[str, str, Mapping[str, str], str]] = {
    "sagemaker-scikit-learn": (
        "sklearn",
        "scikit-learn",
        FRAMEWORK_ACCOUNTS,
        r"(0\.20\.0|\d+\.\d+-\d+)(?:-cpu-py3)?",
    ),
    "sagemaker-xgboost": (
        "xgboost",
        "xgboost",
        FRAMEWORK_ACCOUNTS,
        r"(\d+\.\d+-\d+)(?:-cpu-py3)?",
    ),
    "pytorch-training": (
        "pytorch",
        "torch",
        DEEP_LEARNING_ACCOUNTS,
        r"(\d+\.\d+(?:\.\d+)?)(?:-(?:cpu|gpu)-.+)?",
    ),
    "pytorch-inference": (
        "pytorch",
        "torch",
        DEEP_LEARNING_ACCOUNTS,
        r"(\d+\.\d+(?:\.\d+)?)(?:-(?:cpu|gpu)-.+)?",
    ),
}
TITLES = {"sklearn": "scikit-learn", "xgboost": "XGBoost", "pytorch": "PyTorch"}
_ALSO = {"xgboost": "xgboost-cpu"}  # other distributions of the same package


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework image: `name` is sklearn, xgboost or pytorch, `version` that of its tag."""

    name: str
    version: str
    package: str

    @property
    def installed(self) -> str | None:
        """The version of the package on this machine, None when it is not there."""
        for name in (self.package, _ALSO.get(self.package, self.package)):
            with suppress(PackageNotFoundError):
                return version(name)
        return None

    @property
    def settings(self) -> dict[str, str]:
        """Variables that let the installed package do what the image's version does."""
        if self.name == "pytorch" and _numbers(self.version) < (2, 6):
            # `torch.load` read whole pickled models before 2.6.
            return {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
        return {}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


def recognise(uri: str) -> Framework | None:
    """Return the framework of an image URI; None when it is no framework image of SageMaker's own."""
    try:
        image = parse_image_uri(uri)
    except ValueError:
        return None
    if image.repository not in REPOSITORIES:
        return None
    name, package, accounts, form = REPOSITORIES[image.repository]
    match = re.fullmatch(form, image.tag)
    if match is None or accounts.get(image.region) != image.account:
        return None
    return Framework(name, match[1], package)


def note(framework: Framework) -> str:
    """Say for the log which version runs in the place of the image's, or that there is none."""
    asked = f"Sandbox: the image asks for {TITLES[framework.name]} {framework.version}"
    if framework.installed is None:
        return (
            f"{asked}, which is not installed here. A script that imports {framework.package} fails unless"
            f" its requirements.txt names it, or 'pip install {framework.package}' was run in SageWizard's"
            " environment."
        )
    return f"{asked}; the script runs with the installed {framework.package} {framework.installed}."
