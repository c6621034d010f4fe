"""The commands `sandbox start|stop|status|reset|env`."""

from __future__ import annotations

import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from sagewizard import settings as settings_module
from sagewizard.cli.terminal import console
from sagewizard.errors import UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.sandbox import launcher

if TYPE_CHECKING:
    import argparse


def start(options: argparse.Namespace) -> int:
    """Start the server, or find the one that runs."""
    settings = settings_module.load()
    address = launcher.ensure(settings)
    if options.json:
        _json(launcher.status(settings) or {})
    else:
        console(sys.stdout).line(address.url)
        console().line("The sandbox is running; it ends by itself when it is not used for a while.")
    return ExitCode.OK


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
        if name != "url":
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
    """Print shell lines for boto3 and the AWS CLI."""
    address = launcher.ensure(settings_module.load())
    out = console(sys.stdout)
    out.line("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in (
        ("AWS_ENDPOINT_URL", address.url),
        ("AWS_ACCESS_KEY_ID", address.credentials.access_key),
        ("AWS_SECRET_ACCESS_KEY", address.credentials.secret_key),
        ("AWS_DEFAULT_REGION", address.region),
        ("AWS_REGION", address.region),
    ):
        out.line(f"export {name}={shlex.quote(value)}")
    console().line('Use it with: eval "$(sagewizard sandbox env)"')
    return ExitCode.OK


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
