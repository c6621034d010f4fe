"""One reading of a run for every flavor: its recipe with what was set, what its steps made, where it ran."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.engine import spot
from sagewizard.engine.formats import format_of
from sagewizard.engine.journal import NAME as JOURNAL
from sagewizard.engine.opening import recipe_of

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.engine.formats import Format
    from sagewizard.engine.state import RunState
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings

SANDBOX_ROLE = "SageWizardSandboxRole"
_ROLE = re.compile(rb'"(?:RoleArn|ExecutionRoleArn)":"(arn:aws[a-z-]*:iam::[^"]+)"')
_SENTENCE = re.compile(r"(?<=[.:?])\s+(?=[A-Z\"])")
_OF_THE_WIZARD = re.compile(
    r"--set|SAGEWIZARD_|--from|sagewizard|is true\.$|your machine\.$|tune\.[a-z]+\.?$"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a script is written from; nothing of it asks a target or the network."""

    recipe: Recipe
    state: RunState
    folder: Path
    role: str

    @property
    def wire(self) -> Format:
        """How the algorithm wants its data and gives its answers."""
        return format_of(self.recipe)

    @property
    def algorithm(self) -> str:
        """The name of the algorithm."""
        return self.recipe.algorithm.name

    @property
    def task(self) -> str:
        """What is predicted."""
        return self.recipe.task

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that the run takes, in order."""
        return self.recipe.steps

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each part had; empty before the data was loaded."""
        return dict(self.outputs("dataset").get("rows", {}))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the data that there are."""
        shares = self.recipe.step_values("dataset")
        named = ("train", "validation", "test")
        if self.rows:
            return tuple(name for name in named if name in self.rows)
        return tuple(name for name in named if shares.get(name, 1) != 0)

    @property
    def short_name(self) -> str:
        """The recipe's name, short enough for the names of jobs and endpoints."""
        return self.recipe.name[:30].rstrip("-")

    @property
    def poll(self) -> int:
        """How many seconds to wait before asking again."""
        return 1 if self.state.simulated else 10

    def outputs(self, step: str) -> dict[str, Any]:
        """Return what a finished step of the run produced, else nothing."""
        return self.state.outputs(step)

    def text(self, name: str, step: str) -> str:
        """Return an option of a step as text."""
        return str(self.recipe.value(f"{step}.{name}"))

    def number(self, name: str, step: str) -> int:
        """Return an option of a step as a whole number."""
        return int(self.recipe.value(f"{step}.{name}") or 0)

    def flag(self, name: str, step: str) -> bool:
        """Return an option of a step as yes or no."""
        return bool(self.recipe.value(f"{step}.{name}"))

    @property
    def checkpoints(self) -> bool:
        """Whether the algorithm can go on from a checkpoint when a spot job was interrupted."""
        return spot.goes_on(self.recipe)

    def longest_wait(self, step: str) -> int:
        """Return how many seconds a spot job of a step may take with its wait for capacity."""
        return spot.longest_wait(self.recipe, self.number("max_runtime_seconds", step))

    def title(self, step: str) -> str:
        """Return the title of a step's lesson."""
        return self.recipe.text(step).title

    def lesson(self, step: str) -> tuple[str, ...]:
        """Return what a step does and why, without sentences about this program's own commands."""
        text = self.recipe.text(step)
        return tuple(kept for part in (text.what, text.why) if (kept := _without_commands(part)))


def read(settings: Settings, state: RunState) -> Reading:
    """Read a run from its folder. Raises UsageError when its recipe is gone."""
    folder = settings.runs / state.run_id
    return Reading(recipe_of(settings, state), state, folder, _role(folder, state))


def _role(folder: Path, state: RunState) -> str:
    """Return the role that the run's jobs worked as: it stands in the calls that made them."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            for line in file:
                found = _ROLE.search(line)
                if found:
                    return found[1].decode()
    except OSError:
        pass
    name = SANDBOX_ROLE if state.simulated else "SageMakerExecutionRole"
    return f"arn:aws:iam::{state.account}:role/{name}"


def _without_commands(text: str) -> str:
    kept = []
    for sentence in _SENTENCE.split(" ".join(text.split())):
        said, proposal, _command = sentence.partition(": try --set")
        if proposal:
            kept.append(f"{said}.")
        elif not _OF_THE_WIZARD.search(sentence):
            kept.append(sentence)
    return " ".join(kept)
