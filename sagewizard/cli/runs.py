"""The commands `runs list|show|compare|export`."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from sagewizard import settings as settings_module
from sagewizard.cli.terminal import console, wide
from sagewizard.cli.tuning import summary_lines
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.tuned import tuned
from sagewizard.errors import UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.recipe.options import as_text
from sagewizard.render import table
from sagewizard.render.units import duration, hourly, number

if TYPE_CHECKING:
    import argparse

    from sagewizard.engine.state import RunState

WORDS = {
    "running": "unfinished", "finished": "finished", "partial": "partly done", "failed": "failed",
    "cancelled": "stopped",
}  # fmt: skip


def list_runs(options: argparse.Namespace) -> int:
    """List the runs, newest first."""
    settings = settings_module.load()
    found = states.all_runs(settings.runs)
    alive = {entry.run_id for entry in Ledger(settings.ledger).alive() if entry.kind != "s3-prefix"}
    if options.json:
        _json([_short(state, state.run_id in alive) for state in found])
        return ExitCode.OK
    out = console(sys.stdout)
    if not found:
        console().line("There are no runs yet. Start one with `sagewizard run digits-linear-learner`.")
        return ExitCode.OK
    # The id tells when a run began; the target is only worth a column when there are several.
    elsewhere = any(state.target != "sandbox" for state in found)
    rows = [
        [
            state.run_id,
            state.recipe,
            *([state.target] if elsewhere else []),
            WORDS[state.status],
            _reached(state),
            number(_f1(state)),
            "yes" if state.run_id in alive else "no",
        ]
        for state in found
    ]
    headers = ["run", "recipe", *(["target"] if elsewhere else []), "state", "done", "F1", "alive"]
    out.line(table(rows, headers, ink=wide(out)))
    return ExitCode.OK


def show(options: argparse.Namespace) -> int:
    """Show one run."""
    settings = settings_module.load()
    state = states.find(settings.runs, options.run)
    entries = Ledger(settings.ledger).of_run(state.run_id)
    found = tuned(settings, state)
    if options.json:
        alive = any(entry.deleted is None and entry.kind != "s3-prefix" for entry in entries)
        body = {
            **_short(state, alive),
            "steps": {name: dataclasses.asdict(step) for name, step in state.steps.items()},
            "settings": state.overrides,
            "costs": state.meters,
            "resources": [dataclasses.asdict(entry) for entry in entries],
            **({"tuning": dataclasses.asdict(found)} if found is not None else {}),
        }
        _json(body)
        return ExitCode.OK
    out = console(sys.stdout)
    out.line(f"{state.run_id}  {state.recipe} on {state.target}, {WORDS[state.status]}", "bold")
    if state.error:
        out.line(f"  {state.error}", "bad")
    out.line(f"  folder   {settings.runs / state.run_id}")
    out.line(f"  started  {_when(state.created)}")
    for path, value in state.overrides.items():
        out.line(f"  set      {path} = {as_text(value)}")
    out.line()
    rows = [[name, step.status, duration(step.seconds)] for name, step in state.steps.items()]
    out.line(table(rows, ["step", "state", "took"], ink=wide(out)))
    if found is not None:
        out.line()
        for line in summary_lines(
            found.job, found.trials, found.objective, found.goal, found.best, found.best_objective, wide(out)
        ):
            out.line(line)
    metrics = state.outputs("evaluate").get("metrics")
    if metrics:
        from sagewizard.render import metric_list

        out.line()
        out.line(metric_list(metrics, ink=wide(out)))
    alive_entries = [entry for entry in entries if entry.deleted is None]
    if alive_entries:
        out.line()
        rows = [[entry.kind, entry.name, hourly(entry.hourly_usd)] for entry in alive_entries]
        out.line(table(rows, ["still there", "name", "per hour"], ink=wide(out)))
    if state.status != "finished":
        console().line(f"Go on with `sagewizard runs resume {state.run_id}`.")
    return ExitCode.OK


def compare(options: argparse.Namespace) -> int:
    """Set two runs side by side."""
    from sagewizard.cli.comparison import comparison_lines
    from sagewizard.engine import comparing, history

    settings = settings_module.load()
    ids = [states.find(settings.runs, wanted).run_id for wanted in (options.one, options.other)]
    if ids[0] == ids[1]:
        raise UsageError(f"Both are the run {ids[0]}.", remedy="Name two different runs.")
    found = {summary.run_id: summary for summary in history.summaries(settings)}
    result = comparing.compare(found[ids[0]], found[ids[1]])
    if options.json:
        _json(result.as_dict())
        return ExitCode.OK
    out = console(sys.stdout)
    for line in comparison_lines(result, wide(out)):
        out.line(line)
    return ExitCode.OK


def export(options: argparse.Namespace) -> int:
    """Write a run as one file that plays back anywhere."""
    from pathlib import Path

    from sagewizard.engine import exporting
    from sagewizard.engine.swrun import SUFFIX
    from sagewizard.render.units import size

    settings = settings_module.load()
    state = states.find(settings.runs, options.run)
    path = Path(options.file or f"{state.run_id}{SUFFIX}").expanduser()
    found = exporting.export(settings, state.run_id, path, replace=options.force, cancel=threading.Event())
    if options.json:
        _json({"file": str(found.path), "bytes": found.size, "left_out": list(found.left_out)})
        return ExitCode.OK
    err = console()
    for words in found.left_out:
        err.line(f"{err.glyph('warning')} Left out: {words.rstrip('.')}.", "warn")
    console(sys.stdout).line(f"{found.path}  {size(found.size)}")
    err.line(f"Play it back anywhere with `{shlex.join(['sagewizard', 'replay', str(found.path)])}`.")
    return ExitCode.OK


def _short(state: RunState, alive: bool) -> dict[str, Any]:
    return {
        "run": state.run_id,
        "recipe": state.recipe,
        "target": state.target,
        "region": state.region,
        "state": state.status,
        "error": state.error,
        "created": state.created,
        "updated": state.updated,
        "metrics": state.outputs("evaluate").get("metrics", {}),
        "usd": state.usd,
        "simulated": state.simulated,
        "alive": alive,
    }


def _reached(state: RunState) -> str:
    done = [name for name, step in state.steps.items() if step.status == "finished"]
    return done[-1] if done else ""


def _f1(state: RunState) -> float | None:
    metrics = state.outputs("evaluate").get("metrics", {})
    value = metrics.get("f1", metrics.get("macro_f1"))
    return None if value is None else float(value)


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n")
