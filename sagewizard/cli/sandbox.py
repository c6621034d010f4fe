"""The commands `sandbox start|stop|status|reset|env|exec`."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from sagewizard import settings as settings_module
from sagewizard.cli.terminal import console
from sagewizard.errors import SandboxError, UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.sandbox import launcher
from sagewizard.sandbox.child import environment, keeper

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from sagewizard.settings import Settings

_EXEC_FOLDER = "child"
_NOT_FOUND, _CANNOT_RUN = 127, 126
_IDLE_SECONDS = 7200.0
_NOT_COVERED = (
    'Use it with: eval "$(sagewizard sandbox env)"',
    "It covers boto3, the AWS CLI and whatever else reads these variables. It does not cover:",
    "- get_execution_role() and other STS calls of the SageMaker SDK, which go to AWS whatever is set",
    "- clients made with an endpoint_url, a profile or keys of their own, and unsigned ones",
    "- programs that were started before, such as a notebook server",
    "`sagewizard sandbox exec -- COMMAND` covers these for Python programs, and keeps them from AWS hosts.",
)


def start(options: argparse.Namespace) -> int:
    """Start the server, or find the one that runs."""
    settings = settings_module.load()
    plan = _plan(options.faults) if options.faults else None
    address = launcher.ensure(settings, pace=options.pace)
    if options.faults:
        launcher.set_faults(settings, plan)
    if options.json:
        _json(launcher.status(settings) or {})
    else:
        console(sys.stdout).line(address.url)
        console().line("The sandbox is running; it ends by itself when it is not used for a while.")
        if plan:
            console().line("Its faults are on; `sagewizard sandbox start --faults off` ends them.", "warn")
    return ExitCode.OK


def _plan(wanted: str) -> bytes | None:
    """Read and check a plan of faults; None for `off`. Raises FaultPlanError with the place of a fault."""
    from pathlib import Path

    from sagewizard.sandbox.faults import plan

    if wanted == "off":
        return None
    try:
        text = Path(wanted).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(
            f"The plan of faults cannot be read: {error.strerror}.", where=wanted, remedy="Check the path."
        ) from error
    plan.read(text, wanted)
    return text


def stop(options: argparse.Namespace) -> int:
    """Stop the server; endpoints, jobs, objects and logs stay on disk."""
    stopped = launcher.stop(settings_module.load(), force=options.force)
    console().line(
        "The sandbox has stopped; the next command that needs it starts it again."
        if stopped
        else "The sandbox was not running."
    )
    return ExitCode.OK


def status(options: argparse.Namespace) -> int:
    """Show what the server says of itself."""
    settings = settings_module.load()
    found = launcher.status(settings)
    if options.json:
        _json({"running": found is not None, "folder": str(settings.sandbox), **(found or {})})
        return ExitCode.OK
    out = console(sys.stdout)
    if found is None:
        out.line("not running")
        console().line("Whatever needs the sandbox starts it; so does `sagewizard sandbox start`.")
        return ExitCode.OK
    out.line(f"running at {found['url']}")
    for name, value in found.items():
        if name == "faults":
            for fault in value:
                hit = f"{fault['hit']} of {fault['matched']} hit"
                out.line(f"  fault for {', '.join(fault.get('calls') or fault['jobs'])}: {hit}", "warn")
        elif name != "url":
            shown = ", ".join(map(str, value)) or "nothing" if isinstance(value, list) else value
            out.line(f"  {name.replace('_', ' ')}: {shown}")
    out.line(f"  folder: {settings.sandbox}")
    return ExitCode.OK


def reset(options: argparse.Namespace) -> int:
    """Delete everything the sandbox keeps, after asking."""
    from sagewizard.engine.ledger import Ledger

    settings = settings_module.load()
    err = console()
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "This deletes everything in the sandbox, and there is no terminal to ask on.",
                remedy="Give --yes if that is what you want.",
            )
        err.stream.write(f"Delete everything in {settings.sandbox}? Type yes: ")
        err.stream.flush()
        if sys.stdin.readline().strip().lower() not in ("yes", "y"):
            err.line("Nothing was deleted.")
            return ExitCode.OK
    there = launcher.reset(settings)
    ledger = Ledger(settings.ledger)
    for entry in ledger.alive(target="sandbox"):
        ledger.deleted(entry.id, now=time.time(), note="the sandbox was reset")
    err.line("The sandbox is empty." if there else "There was nothing to delete.")
    return ExitCode.OK


def env(_options: argparse.Namespace) -> int:
    """Print shell lines for whatever reads AWS's variables, and say on stderr what they do not cover."""
    settings = settings_module.load()
    address = launcher.ensure(settings)
    with _writing(settings):
        variables = environment.plain_variables(address, settings.sandbox / _EXEC_FOLDER, os.environ)
    out, err = console(sys.stdout), console()
    out.line(f"unset {' '.join(environment.to_unset(os.environ, variables))}")
    for name, value in variables.items():
        out.line(f"export {name}={shlex.quote(value)}")
    for line in _NOT_COVERED:
        err.line(f"# {line}")
    return ExitCode.OK


def execute(options: argparse.Namespace) -> int:
    """Become a program that sees AWS as the sandbox; its exit code and its signals are its own.

    This process is replaced, so that Ctrl-C, job control and the terminal reach the program and nothing
    else. Only a failure returns: 127 when there is no such program, 126 when it cannot be run, as in shells.
    """
    arguments = list(options.arguments)
    if arguments[:1] == ["--"]:
        del arguments[0]
    if not arguments:
        raise UsageError(
            "There is no command to run.",
            remedy="Name one, for instance `sagewizard sandbox exec -- python tutorial.py`.",
        )
    settings = settings_module.load()
    address = launcher.ensure(settings)
    pace = str((launcher.status(settings) or {}).get("pace", "instant"))
    with _writing(settings):
        child = environment.child_environment(address, settings.sandbox / _EXEC_FOLDER, os.environ, pace=pace)
    program = shutil.which(arguments[0], mode=os.F_OK, path=child.get("PATH", os.defpath))
    if program is None:
        console().line(f"sagewizard: there is no program {arguments[0]!r} on the path", "bad")
        return _NOT_FOUND
    keeper.keep_in_use(settings, _idle_seconds(child))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program, arguments, child)  # noqa: S606 (no shell: the arguments are the person's own)
    except OSError as error:
        console().line(f"sagewizard: {program} cannot be run: {error.strerror}", "bad")
        return _CANNOT_RUN


def _idle_seconds(environ: Mapping[str, str]) -> float:
    """Read how long the server stays unused before it ends; it checks the variable itself."""
    try:
        return float(environ.get("SAGEWIZARD_SANDBOX_IDLE", "") or _IDLE_SECONDS)
    except ValueError:
        return _IDLE_SECONDS


@contextlib.contextmanager
def _writing(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SandboxError(
            f"The sandbox cannot keep its files in {settings.sandbox}: {error.strerror}",
            remedy="Set SAGEWIZARD_HOME to a folder you can write to.",
        ) from error


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
