"""The commands `run` and `runs resume`: follow a run on the terminal or as JSON lines, and report its end."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sagewizard import events as ev
from sagewizard import tuning_events as tv
from sagewizard.cli.live import LiveView
from sagewizard.cli.problems import show_alive, show_problem
from sagewizard.cli.terminal import Console, console
from sagewizard.errors import UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.i18n import _
from sagewizard.outcome_events import ClustersMeasured, CrossValidated, ThresholdsCompared

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target


def run(options: argparse.Namespace) -> int:
    """Run a recipe."""
    from sagewizard import settings as settings_module
    from sagewizard.recipe import finding

    settings = settings_module.load()
    recipe = with_options(finding.load(options.recipe), options)
    check_steps(recipe, options.from_step, options.until)
    check_spending(options, recipe, options.target)
    if options.dry_run:
        from sagewizard.cli.planning import dry_run

        return dry_run(options, settings, recipe)
    if options.target == "sandbox":
        target = open_for(options, settings, options.target, options.region)
    else:
        from sagewizard.cli.planning import open_and_confirm

        target, recipe = open_and_confirm(options, settings, recipe, options.target, options.region)
    return _follow(options, settings, recipe, target, options.recipe, run_id=None)


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, with the recipe as it was then."""
    from sagewizard import settings as settings_module
    from sagewizard.engine import state as states
    from sagewizard.engine.opening import recipe_of

    settings = settings_module.load()
    state = states.find(settings.runs, options.run)
    recipe = with_options(recipe_of(settings, state), options)
    check_steps(recipe, options.from_step, options.until)
    check_changes(recipe, settings_of(options), options.from_step, state)
    if options.budget is None:
        options.budget = state.budget
    check_spending(options, recipe, state.target)
    if state.target == "sandbox":
        target = open_for(options, settings, state.target, state.region)
    else:
        from sagewizard.cli.planning import open_and_confirm

        done = [name for name, step in state.steps.items() if step.status == "finished"]
        target, recipe = open_and_confirm(options, settings, recipe, state.target, state.region, done=done)
    return _follow(options, settings, recipe, target, state.recipe, run_id=state.run_id)


def parse_settings(given: list[str]) -> dict[str, str]:
    """Read `PATH=VALUE` arguments. Raises UsageError for one without an equals sign, or given twice."""
    found: dict[str, str] = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise UsageError(f"--set {text} has no value.", remedy="Write it as --set train.epochs=5.")
        if path.strip() in found:
            raise UsageError(f"--set {path.strip()} is given twice.", remedy="Keep one of them.")
        found[path.strip()] = value.strip()
    return found


def settings_of(options: argparse.Namespace) -> dict[str, str]:
    """Return everything that the command line sets: what follows --set, and --ttl with what belongs to it."""
    from sagewizard.engine.ttl import parse, written
    from sagewizard.recipe.step_options import NEVER

    found = parse_settings(options.settings)
    given = {
        "deploy.ttl": options.ttl,
        "deploy.ttl_else": options.ttl_else,
        "deploy.ttl_role": options.ttl_role,
    }
    for path, value in given.items():
        if value is not None and path in found:
            flag = "--" + path.partition(".")[2].replace("_", "-")
            raise UsageError(f"{flag} and --set {path} are both given.", remedy="Keep one of them.")
        if value is not None:
            found[path] = written(parse(value)) if path == "deploy.ttl" and value != NEVER else value
    return found


def with_options(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    """Return a recipe with everything that the command line sets. Raises UsageError for what does not fit."""
    from sagewizard.engine.ttl import of_recipe

    settings = settings_of(options)
    flags = [flag for flag in ("ttl", "ttl_else", "ttl_role") if getattr(options, flag) is not None]
    if flags and "deploy" not in recipe.all_steps:
        raise UsageError(
            f"The recipe {recipe.name} deploys no endpoint that could delete itself.",
            remedy=f"Leave out --{flags[0].replace('_', '-')}.",
        )
    changed = recipe.with_settings(settings)
    if flags and options.ttl is None and of_recipe(changed) is None:
        raise UsageError("--ttl-else and --ttl-role are of use with --ttl only.", remedy="Add --ttl 2h.")
    return changed


def check_steps(recipe: Recipe, *names: str | None) -> None:
    """Refuse a step that the recipe does not have, before anything else happens."""
    from difflib import get_close_matches

    for name in names:
        if name is not None and name in recipe.all_steps and name not in recipe.steps:
            raise UsageError(
                f"The step {name} of {recipe.name} is left out.",
                remedy=f"Take it in with --set {name}.enabled=true.",
            )
        if name is not None and name not in recipe.steps:
            near = get_close_matches(name, recipe.steps, n=1)
            raise UsageError(
                f"The recipe {recipe.name} has no step {name!r}.",
                remedy=(f"Did you mean {near[0]}? " if near else "")
                + f"Its steps are {', '.join(recipe.steps)}.",
            )


def check_changes(recipe: Recipe, changes: dict[str, str], from_step: str | None, state: Any) -> None:
    """Refuse a setting of a step that is finished and will not be done again."""
    for path in changes:
        step = path.split(".")[0]
        done = state.steps.get(step)
        option = recipe.options().get(path)
        if step not in recipe.steps or (option is not None and option.live):
            continue
        place = recipe.steps.index(step)
        again = from_step is not None and place >= recipe.steps.index(from_step)
        later = [name for name in recipe.steps[place + 1 :] if state.outputs(name)]
        if later and not again and (done is None or done.status != "finished"):
            raise UsageError(
                f"The step {step} comes before {later[-1]}, which this run has finished.",
                remedy=f"Do it, and all after it again, with --from {step}, or start a new run.",
            )
        if done is not None and done.status == "finished" and not again:
            raise UsageError(
                f"{path} belongs to the step {step}, which this run has finished.",
                remedy=f"Do it again with --from {step}, or start a new run.",
            )


def check_spending(options: argparse.Namespace, recipe: Recipe, target: str) -> None:
    """Refuse a budget that cannot be held, and --yes on AWS without one, before anything else happens."""
    if options.budget is not None:
        from sagewizard.engine.budget import check_budget
        from sagewizard.engine.ttl import of_recipe

        check_budget(
            options.budget, recipe.steps, until=options.until, keep=options.keep, ttl=of_recipe(recipe)
        )
    elif options.yes and target != "sandbox" and not getattr(options, "dry_run", False):
        raise UsageError(
            "--yes on AWS spends money that nobody was asked for.",
            remedy="Say how much it may be, as --yes --budget 2.00, or leave out --yes and confirm the plan.",
        )


def open_for(options: argparse.Namespace, settings: Settings, name: str, region: str | None) -> Target:
    """Open the target; on AWS the account number has to be typed."""
    from sagewizard.targets import open_target

    return open_target(
        name, settings, region=region, profile=options.profile, role=options.role, confirm=confirm_account
    )


def confirm_account(account: str) -> bool:
    """Ask for the account number on the terminal; True when it was typed."""
    if not sys.stdin.isatty():
        raise UsageError(
            "Running on AWS asks for the account number, and there is no terminal to type it on.",
            remedy="Run this in a terminal, or stay in the sandbox.",
        )
    out = console()
    out.line("This will create resources in a real AWS account, and they cost money.", "warn")
    out.stream.write(f"Type the account number {account} to go on: ")
    out.stream.flush()
    return sys.stdin.readline().strip() == account


def _follow(
    options: argparse.Namespace,
    settings: Settings,
    recipe: Recipe,
    target: Target,
    named: str,
    run_id: str | None,
) -> int:
    from sagewizard.engine import Engine

    cancel = threading.Event()
    engine = Engine(target, settings=settings)
    if options.from_step and run_id is None:
        recipe, run_id = _earlier(engine, settings, recipe, target, options)
    err = console()
    view = LiveView(err, quiet=options.quiet, instructor=options.instructor)
    outcome = Outcome()
    stream = engine.run(
        recipe,
        run_id=run_id,
        from_step=options.from_step,
        until=options.until,
        cancel=cancel,
        keep=options.keep,
        budget=options.budget,
    )
    with interruptible(cancel, err):
        try:
            for event in stream:
                outcome.take(event)
                if options.json:
                    sys.stdout.buffer.write(event.to_json() + b"\n")
                    sys.stdout.buffer.flush()
                view.show(event)
        finally:
            stream.close()  # type: ignore[attr-defined]  # it is a generator: this ends the run
            view.close()
    return _report(options, outcome, recipe, target, named, err)


def _earlier(
    engine: Any, settings: Settings, recipe: Recipe, target: Target, options: argparse.Namespace
) -> tuple[Recipe, str | None]:
    """Find the run that --from goes on with, and take over what was set for it."""
    from sagewizard.engine.engine import newest_run

    if options.from_step == recipe.steps[0]:
        return recipe, None
    state = newest_run(settings, recipe, target, options.from_step)
    changes = {path: str(value) for path, value in recipe.settings.items()}
    check_changes(recipe, changes, options.from_step, state)
    return recipe.with_settings({**state.overrides, **changes}), state.run_id


class Outcome:
    """What of a run's events the report at its end needs."""

    def __init__(self) -> None:
        self.start: ev.RunStarted | None = None
        self.end: ev.Event | None = None
        self.evaluation: ev.EvaluationMade | None = None
        self.cost: ev.CostChanged | None = None
        self.tuning: tv.TuningChanged | None = None
        self.details: list[ev.Event] = []

    def take(self, event: ev.Event) -> None:
        """Keep what is needed."""
        match event:
            case ev.RunStarted():
                self.start = event
            case ev.EvaluationMade():
                self.evaluation = event
            case ThresholdsCompared() | ClustersMeasured() | CrossValidated():
                self.details.append(event)
            case ev.CostChanged():
                self.cost = event
            case tv.TuningChanged():
                self.tuning = event
            case ev.RunFinished() | ev.RunFailed() | ev.RunCancelled():
                self.end = event


@contextmanager
def interruptible(cancel: threading.Event, out: Console) -> Iterator[None]:
    """Let Ctrl-C and a polite kill cancel the run; a second Ctrl-C ends the program at once."""

    def stop(number: int, _frame: Any) -> None:
        if cancel.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        cancel.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _report(
    options: argparse.Namespace, outcome: Outcome, recipe: Recipe, target: Target, named: str, err: Console
) -> int:
    end = outcome.end
    run_id = end.run_id if end else ""
    go_on = _("Go on with `{command}`.").format(command=f"sagewizard runs resume {run_id}")
    simulated = target.simulated
    if isinstance(end, ev.RunFailed):
        show_problem(end.message, end.remedy, err, where=end.where)
        if end.resumable:
            err.line(go_on)
        # What goes on costing is the last thing that is said.
        show_alive(end.alive, run_id, simulated, err)
        return end.exit_code
    if isinstance(end, ev.RunCancelled):
        err.line(_("Stopped.") if end.resumable else _("Stopped; nothing was created."))
        if end.resumable:
            err.line(go_on)
        show_alive(end.alive, run_id, simulated, err)
        return end.exit_code
    if not isinstance(end, ev.RunFinished):
        return int(ExitCode.JOB_FAILED)
    if not options.json:
        from sagewizard.cli.report import final_report

        out = console(sys.stdout)
        if out.terminal and err.terminal and outcome.evaluation is not None:
            out.line()
        for line in final_report(
            outcome, recipe, target, named, end, out.ink, until=options.until, keep=options.keep,
            budget=options.budget,
        ):  # fmt: skip
            out.line(line)
    if not end.complete and not options.quiet:
        err.line(go_on)
    show_alive(end.alive, run_id, simulated, err)
    return end.exit_code
