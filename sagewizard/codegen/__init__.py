"""A run as code that a person can take along: a script or a notebook that does the same from nothing.

    text = generate(settings, state, flavor="boto3", step=None, notebook=False)

The way of it: `reading.read` reads the run once (recipe, settings, state, journal); a flavor turns that
into a `plan.Plan` of sections; `plan.whole` or `plan.for_step` chooses and orders the sections;
`writing.as_script` or `notebook.as_notebook` writes them. Nothing asks a target or the network.

A flavor plugs in as a module with one function, `plan(run: Reading) -> Plan`, and a line in FLAVORS. It calls
`frame.plan` with its setup, its helpers, and the makers of its steps; these rely on:

- `datasets.sections(run)` gives the steps dataset and preview: they provide `train_x`, `train_y`, the same
  for `validation` (where `run.parts` has it) and `test`, with `classes` (names by number; not for a
  regression) and `columns`. `evaluating` gives `to_csv(rows, labels=None)`, `read_numbers(body)` where
  answers are CSV, and the step evaluate: it needs `answers`, the endpoint's for all test rows, or
  `batch_answers`, those of the transform, as `evaluating.source_of(run)` says: lists made by
  `evaluating.from_endpoint(run, "TEXT")` and `from_transform(run, "TEXT")`, expressions that need
  `evaluating.answer_needs(run)` and import `answer_imports(run)`.
- `endpoints.predict` and `endpoints.teardown` write these steps from an `endpoints.Endpoint`, which says how
  the flavor speaks to it; `sdk_jobs` has what versions 2 and 3 of the SDK say alike.
- A section with a `step` is placed in the order of the plan, one without where it is first needed. Every name
  that the code uses of another section stands in `needs`; for a name whose value in the run is known, `known`
  holds the lines that write it, so that `--step` can leave the section out.
- `pieces` has what flavors say alike: `setup(run)` (REGION, BUCKET, ROLE, NAME, TAGS), `clients()`,
  `prepare(run)` (needs `upload`, `to_csv` or `to_recordio`, and provides `train_uri`, `batch_uri` and so on).
  `pretty.call` and `pretty.assign` lay out values (`pretty.Code` marks an expression).
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from sagewizard.codegen.plan import Plan
    from sagewizard.engine.state import RunState
    from sagewizard.settings import Settings

FLAVORS = {
    "boto3": "sagewizard.codegen.boto3_flavor",
    "sdk2": "sagewizard.codegen.sdk2_flavor",
    "sdk3": "sagewizard.codegen.sdk3_flavor",
}
"""The module of each flavor; one that is not there yet is not offered."""


def flavors() -> tuple[str, ...]:
    """Return the flavors that there are."""
    return tuple(name for name, module in FLAVORS.items() if find_spec(module) is not None)


def plan_of(settings: Settings, state: RunState, *, flavor: str = "boto3", step: str | None = None) -> Plan:
    """Return a run as a plan, whole or for one step. Raises UsageError for an unknown flavor or step."""
    from sagewizard.codegen import plan, reading

    if flavor not in flavors():
        raise UsageError(f"There is no flavor {flavor!r}.", remedy=f"Choose {', '.join(flavors())}.")
    run = reading.read(settings, state)
    made: Plan = import_module(FLAVORS[flavor]).plan(run)
    return plan.for_step(made, step) if step else plan.whole(made)


def generate(
    settings: Settings,
    state: RunState,
    *,
    flavor: str = "boto3",
    step: str | None = None,
    notebook: bool = False,
) -> str:
    """Return a run as the text of a script, or of a notebook. Raises UsageError as `plan_of` does."""
    made = plan_of(settings, state, flavor=flavor, step=step)
    if notebook:
        from sagewizard.codegen.notebook import as_notebook

        return as_notebook(made)
    from sagewizard.codegen.writing import as_script

    return as_script(made)


def of_run(settings: Settings, run_id: str, *, flavor: str = "boto3", step: str | None = None) -> str:
    """Return the script of a run by its id. Raises UsageError also when there is no such run."""
    from sagewizard.engine import state as states

    return generate(settings, states.load(settings.runs / run_id), flavor=flavor, step=step)
