"""SageWizard: learn and run SageMaker from a terminal, or from Python, without an account.

    import sagewizard

    result = sagewizard.run("digits-linear-learner", settings={"train.epochs": 5})
    print(result.metrics["f1"], result.confusion)

`run` takes a recipe from its dataset to its teardown and returns what came out. `Engine` gives the same as
a stream of events, for those who want to follow along. Names are loaded when first used, so importing this
package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewizard.api import RunResult, run
    from sagewizard.engine import Engine
    from sagewizard.errors import (
        BillableRemainsError,
        CancelledError,
        CredentialsError,
        DataError,
        JobFailedError,
        RecipeError,
        SageWizardError,
        SandboxError,
        TargetError,
        UsageError,
        WaitTimeoutError,
    )
    from sagewizard.recipe.finding import load as load_recipe
    from sagewizard.settings import load as load_settings
    from sagewizard.target import Target
    from sagewizard.targets import open_target

__version__ = "0.1.0"

_HOMES: dict[str, tuple[str, str]] = {
    "RunResult": ("sagewizard.api", "RunResult"),
    "run": ("sagewizard.api", "run"),
    "Engine": ("sagewizard.engine", "Engine"),
    "Target": ("sagewizard.target", "Target"),
    "load_recipe": ("sagewizard.recipe.finding", "load"),
    "load_settings": ("sagewizard.settings", "load"),
    "open_target": ("sagewizard.targets", "open_target"),
    **{
        name: ("sagewizard.errors", name)
        for name in (
            "BillableRemainsError",
            "CancelledError",
            "CredentialsError",
            "DataError",
            "JobFailedError",
            "RecipeError",
            "SageWizardError",
            "SandboxError",
            "TargetError",
            "UsageError",
            "WaitTimeoutError",
        )
    },
}

__all__ = [
    "BillableRemainsError",
    "CancelledError",
    "CredentialsError",
    "DataError",
    "Engine",
    "JobFailedError",
    "RecipeError",
    "RunResult",
    "SageWizardError",
    "SandboxError",
    "Target",
    "TargetError",
    "UsageError",
    "WaitTimeoutError",
    "__version__",
    "load_recipe",
    "load_settings",
    "open_target",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
