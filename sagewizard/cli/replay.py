"""The command `replay`: a recorded run in the terminal, told and reported as it was, or in the app."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard import settings as settings_module
from sagewizard.cli.problems import show_problem
from sagewizard.cli.terminal import Console, console, wide
from sagewizard.clock import SystemClock
from sagewizard.engine import recording as recordings
from sagewizard.engine.replay import Tape, parse_speed, play
from sagewizard.errors import UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.i18n import _

if TYPE_CHECKING:
    import argparse

    from sagewizard.cli.live import LiveView
    from sagewizard.cli.run import Outcome
    from sagewizard.engine.recording import Recording
    from sagewizard.target import Target


def replay(options: argparse.Namespace) -> int:
    """Play a recorded run back."""
    settings = settings_module.load()
    if not options.run:
        return _list()
    speed = parse_speed(options.speed)
    if options.app:
        return _in_app(options, speed)
    with recordings.open_recording(options.run, settings) as recording:
        return _in_terminal(options, recording, speed)


def mark(recording: Recording) -> str:
    """Return the words that tell a recorded run from one that happens."""
    words = _("RECORDED on {date}, played back: nothing runs and nothing is billed.")
    return words.format(date=recording.date)


def _list() -> int:
    from sagewizard.render import table

    out = console(sys.stdout)
    rows = []
    for name, path in recordings.shipped().items():
        with recordings.open_file(path) as found:
            seconds = Tape(found.events).seconds
            rows.append([name, found.date, f"{seconds:.0f} s", found.start.title])
    out.line(table(rows, [_("recorded run"), _("of"), _("takes"), _("title")], ink=wide(out)))
    console().line(_("Play one back with `sagewizard replay NAME`, in the app with --app."))
    return ExitCode.OK


def _in_app(options: argparse.Namespace, speed: float) -> int:
    from importlib import import_module

    if options.json or options.step:
        raise UsageError(
            _("--json and --step are for the terminal."),
            remedy=_("In the app, Space stops and goes on."),
        )
    # By name: the commands are no part of the app, and know nothing else of it.
    app = import_module("sagewizard.tui")
    problem = app.usable()
    if problem:
        raise UsageError(problem, remedy=_("Leave out --app."))
    return int(app.run(instructor=options.instructor, replay=(options.run, speed, options.from_step or "")))


def _in_terminal(options: argparse.Namespace, recording: Recording, speed: float) -> int:
    # Here, since the app, which is to be seen at once, needs neither.
    from sagewizard.cli.live import LiveView
    from sagewizard.cli.run import Outcome

    tape = Tape(recording.events, speed=speed)
    err = console()
    view = LiveView(
        err,
        quiet=options.quiet,
        instructor=options.instructor,
        mark=_("RECORDED {date}").format(date=recording.date),
        moment=lambda: tape.now,
    )
    outcome = Outcome()
    view.say(mark(recording), "bold")
    if options.from_step:
        for event in tape.seek(options.from_step):
            outcome.take(recording.here(event))
            if isinstance(event, ev.RunStarted):
                view.show(event)
    # Nothing is at work that would have to end well, so Ctrl-C may end this wherever it is.
    stream = play(
        tape,
        clock=SystemClock(),
        cancel=threading.Event(),
        at_step_end=_pause(err, view) if options.step else None,
    )
    try:
        for event in stream:
            outcome.take(recording.here(event))
            if options.json:
                sys.stdout.buffer.write(event.to_json() + b"\n")
                sys.stdout.buffer.flush()
            view.show(event)
    finally:
        view.close()
    return _report(options, outcome, recording, err)


class _pause:  # noqa: N801  # called like a function
    """Waits for Enter at the end of a step; when there is no more input, goes on without."""

    def __init__(self, err: Console, view: LiveView) -> None:
        self._err, self._view, self._more = err, view, True

    def __call__(self) -> None:
        if not self._more:
            return
        self._view.close()
        self._err.stream.write(_("Enter goes on, Ctrl-C ends. "))
        self._err.stream.flush()
        self._more = sys.stdin.readline() != ""
        if not (self._err.terminal and sys.stdin.isatty()):
            self._err.line()


def _report(options: argparse.Namespace, outcome: Outcome, recording: Recording, err: Console) -> int:
    end = outcome.end
    if isinstance(end, ev.RunFailed):
        show_problem(end.message, end.remedy, err, where=end.where)
    elif isinstance(end, ev.RunCancelled):
        err.line(_("The run was stopped here."))
    elif end is None:
        err.line(_("The record ends here: the run was still going on, or was ended from outside."))
    elif isinstance(end, ev.RunFinished) and not options.json:
        from sagewizard.cli.report import final_report

        out = console(sys.stdout)
        if out.terminal and err.terminal and outcome.evaluation is not None:
            out.line()
        out.line(mark(recording), "bold")
        recipe = recording.recipe
        named = recipe.name if recording.packed else _named(recording)
        for line in final_report(outcome, recipe, _target(recording), named, end, out.ink):
            out.line(line)
    alive = getattr(end, "alive", ())
    if alive and not options.quiet:
        names = ", ".join(f"{resource.kind} {resource.name}" for resource in alive)
        err.line(_("Left alive when the record ended: {names}.").format(names=names))
    return ExitCode.OK


def _named(recording: Recording) -> str:
    """Return what the recipe is called on the command line: its name when it ships, else its file."""
    from sagewizard.recipe import finding

    state = recording.state
    return state.recipe if state.recipe in finding.shipped() else state.recipe_source


def _target(recording: Recording) -> Target:
    """Return what the report wants to know of the target; it cannot be reached."""
    from sagewizard.aws.prices import TablePrices
    from sagewizard.target import Target

    state = recording.state
    return Target(
        name=state.target, region=state.region, account_id="", role_arn="", bucket="", prices=TablePrices(),
        simulated=state.simulated, poll_seconds=1.0,
    )  # fmt: skip
