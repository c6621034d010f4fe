"""The state of a run on disk: what is finished, what it produced, the recipe as it was; and all runs.

A run is a folder under `Settings.runs`: `state.json` (replaced whole, atomically), `recipe.yaml` (a copy, so
that a run can go on when the recipe has changed since), `journal.jsonl`, `results/`. The folder appears when
the dataset has been loaded and checked, so that a run that cannot start leaves nothing behind.
"""

from __future__ import annotations

import dataclasses
import os
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "state.json"
RECIPE = "recipe.yaml"
FORMAT = 1

Status = Literal["running", "finished", "partial", "failed", "cancelled"]


@dataclass
class StepState:
    """How far a step is: `attempt` is part of the names of what it makes."""

    status: Literal["pending", "running", "finished", "failed"] = "pending"
    attempt: int = 1
    outputs: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    retry_under_new_name: bool = False


@dataclass
class RunState:
    """What a run needs to go on, in another process or on another day."""

    run_id: str
    recipe: str
    recipe_source: str
    overrides: dict[str, Any]
    target: str
    region: str
    account: str
    bucket: str
    created: float
    updated: float
    status: Status = "running"
    keep: bool = False
    error: str = ""
    usd: float = 0.0
    meters: list[dict[str, Any]] = field(default_factory=list)
    simulated: bool = False
    budget: float | None = None
    ttl: float | None = None
    ttl_else: str = "stop"
    ttl_role: str = ""
    leaves_endpoint: bool = False
    ttl_until: dict[str, float] = field(default_factory=dict)
    steps: dict[str, StepState] = field(default_factory=dict)
    format: int = FORMAT

    def step(self, name: str) -> StepState:
        """Return the state of a step, pending when it was never begun."""
        return self.steps.setdefault(name, StepState())

    def in_order(self, steps: tuple[str, ...]) -> None:
        """Put the steps that were begun into the order of the recipe; one may have been added since."""
        rest = [name for name in self.steps if name not in steps]
        self.steps = {name: self.steps[name] for name in (*steps, *rest) if name in self.steps}

    def outputs(self, name: str) -> dict[str, Any]:
        """Return what a finished step produced, else nothing."""
        step = self.steps.get(name)
        return step.outputs if step and step.status == "finished" else {}

    def save(self, folder: Path) -> None:
        """Write state.json under a temporary name, sync it, put it in place."""
        import orjson

        data = orjson.dumps(dataclasses.asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
        write_atomically(folder / NAME, data)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file whole: a crash leaves the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def new_run_id(now: float) -> str:
    """Return an id that sorts by time, such as `20261121-013055-a3f9`; 20 characters, fit for job names."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"


def check_run_id(run_id: str) -> str:
    """Return the id if it can be a folder and part of a SageMaker name, else raise UsageError."""
    if not re.fullmatch(r"[a-z0-9](-?[a-z0-9]){2,39}", run_id):
        raise UsageError(
            f"{run_id!r} cannot be the id of a run.",
            remedy="Use 3 to 40 small letters, digits and single hyphens.",
        )
    return run_id


def load(folder: Path) -> RunState:
    """Read the state of a run. Raises UsageError when it is missing, damaged or from a newer version."""
    import orjson

    try:
        body = orjson.loads((folder / NAME).read_bytes())
        if body["format"] > FORMAT:
            raise UsageError(
                f"The run {folder.name} was written by a newer version.", remedy="Update sagewizard."
            )
        body["steps"] = {name: StepState(**step) for name, step in body["steps"].items()}
        return RunState(**body)
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no run {folder.name}.", remedy="`sagewizard runs list` shows the runs."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"The state of the run {folder.name} cannot be read: {error}.",
            where=str(folder / NAME),
            remedy=f"Delete what it made with `sagewizard teardown {folder.name}`, then remove the folder.",
        ) from error


def after_teardown(state: RunState, kinds: set[str], *, all_gone: bool) -> None:
    """Enter what a teardown from outside means for a run.

    A run that had nothing left to do but its teardown is finished when `all_gone`. Any other makes what was
    deleted again when it goes on, under new names, since SageMaker gives a job's name only once.
    """
    names = list(state.steps)
    before = [name for name in names if name != "teardown"]
    if "evaluate" in before and all(state.steps[name].status == "finished" for name in before):
        if all_gone:
            state.step("teardown").status = "finished"
            state.status = "finished"
        return
    # A tuning job that was stopped keeps what it has found: the step finds it again, and goes on from there.
    made_by = {"training-job": "train", "transform-job": "transform", "endpoint": "deploy", "model": "deploy"}
    for name in {made_by[kind] for kind in kinds if kind in made_by}:
        step = state.steps.get(name)
        # A training job that is finished leaves its model in the bucket, and is not needed any more.
        if step is None or (name != "deploy" and step.status == "finished"):
            continue
        step.status, step.attempt, step.outputs = "pending", step.attempt + 1, {}


def all_runs(runs: Path) -> list[RunState]:
    """Return the runs, newest first; a folder whose state is damaged is left out."""
    if not runs.is_dir():
        return []
    found = []
    for folder in runs.iterdir():
        if (folder / NAME).is_file():
            try:
                found.append(load(folder))
            except UsageError:
                continue
    return sorted(found, key=lambda state: (state.created, state.run_id), reverse=True)


def find(runs: Path, wanted: str) -> RunState:
    """Find a run by its id, by the beginning or the end of it, or as `last`. Raises UsageError."""
    states = all_runs(runs)
    if wanted == "last" and states:
        return states[0]
    exact = [state for state in states if state.run_id == wanted]
    close = exact or [s for s in states if s.run_id.startswith(wanted) or s.run_id.endswith(wanted)]
    if len(close) == 1:
        return close[0]
    if (runs / wanted / NAME).is_file() and not close:
        return load(runs / wanted)
    if close:
        names = ", ".join(state.run_id for state in close[:5])
        raise UsageError(f"{wanted!r} fits several runs: {names}.", remedy="Give more of the id.")
    remedy = "`sagewizard runs list` shows the runs."
    if not states:
        remedy = "There are no runs yet: start one with `sagewizard run digits-linear-learner`."
    raise UsageError(f"There is no run {wanted!r}.", remedy=remedy)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a run for this process, however it ends; a second process gets a UsageError."""
    try:
        import fcntl
    except ImportError:  # a platform without it: two processes on one run are not told apart
        yield
        return
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"The run {folder.name} is being worked on by another process.",
                remedy="Wait until it has ended, or stop it with Ctrl-C there.",
            ) from error
        yield
