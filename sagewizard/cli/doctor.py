"""The command `doctor`: what this machine has and lacks, one line each, with the remedy."""

from __future__ import annotations

import platform
import shutil
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard import settings as settings_module
from sagewizard.cli.terminal import console
from sagewizard.errors import CancelledError, SageWizardError, UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.findings import Finding
from sagewizard.recipe import finding
from sagewizard.render.units import size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from sagewizard.aws.doctor import Account
    from sagewizard.aws.session import Identity
    from sagewizard.settings import Settings

# A run of the MNIST recipe leaves 230 MB in the sandbox.
FREE_BYTES = 2_000_000_000
# Below this, the sandbox and its jobs compete for memory with everything else.
FREE_MEMORY = 1_000_000_000
PACKAGES = ("boto3", "moto", "numpy", "pandas", "scikit-learn", "orjson", "pydantic", "PyYAML", "sagemaker")


def doctor(options: argparse.Namespace) -> int:
    """Look at everything; the exit code is 1 when something would stop a run."""
    settings = settings_module.load()
    recipe = finding.load(options.recipe) if options.recipe else None
    if options.target == "aws":
        from sagewizard.aws.doctor import Account, look

        account = Account()
        found = [_program(), _packages(), _home(settings.home), _ledger(settings)]
        found += look(
            settings, account, recipe=recipe, region=options.region, profile=options.profile,
            role=options.role,
        )  # fmt: skip
        if options.create_role is not None or options.create_ttl_role is not None:
            _show(found, as_json=False)
            make = _create_role if options.create_role is not None else _create_ttl_role
            return make(options, account)
    elif options.create_role is not None or options.create_ttl_role is not None:
        raise UsageError("The sandbox has a role of its own.", remedy="Roles are made with --target aws.")
    else:
        found = list(findings(settings))
    return _show(found, as_json=options.json)


def _show(found: list[Finding], *, as_json: bool) -> int:
    if as_json:
        import orjson

        sys.stdout.buffer.write(
            orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2) + b"\n"
        )
    else:
        out = console(sys.stdout)
        marks = {"ok": "done", "warning": "warning", "failed": "failed"}
        for one in found:
            start = f"{out.glyph(marks[one.state])} {one.state:<7}  {one.name:<15} "
            columns = out.size()[0] if out.terminal else 500
            lines = textwrap.wrap(
                start + one.text, columns, subsequent_indent=" " * len(start), break_on_hyphens=False
            )
            lines += textwrap.wrap(
                one.remedy, columns, initial_indent=" " * len(start), subsequent_indent=" " * len(start),
                break_on_hyphens=False,
            )  # fmt: skip
            for line in lines:
                out.line(line)
    failed = sum(one.state == "failed" for one in found)
    if not as_json:
        console().line(_verdict(failed, sum(one.state == "warning" for one in found)))
    return ExitCode.JOB_FAILED if failed else ExitCode.OK


def _verdict(failed: int, warnings: int) -> str:
    if failed:
        things = "1 thing" if failed == 1 else f"{failed} things"
        return f"{things} would stop a run. Mend the first one first: others may follow from it."
    if warnings:
        return f"Nothing would stop a run; {'1 warning' if warnings == 1 else f'{warnings} warnings'}."
    return "Nothing would stop a run."


def _create_role(options: argparse.Namespace, account: Account) -> int:
    """Show what the role may do, have it confirmed, make it."""
    from sagewizard.aws import role_making

    identity = _known(account)
    policy = role_making.permissions(account.bucket, account.partition)
    _confirm_role(options, options.create_role, identity, "SageMaker", role_making.TRUST, policy)
    arn = role_making.create(account.client("iam"), options.create_role, policy, owner=identity.owner)
    console().line(
        f"Made {arn}. It is found from now on; a new role takes some seconds to be known everywhere."
    )
    return ExitCode.OK


def _create_ttl_role(options: argparse.Namespace, account: Account) -> int:
    """Do the same for the role that endpoints delete themselves with."""
    from sagewizard.aws import role_making, ttl_role
    from sagewizard.engine.ttl import ROLE_NAME

    identity = _known(account)
    name = options.create_ttl_role
    trust = ttl_role.trust(identity.account_id)
    policy = ttl_role.permissions(identity.account_id, account.partition)
    _confirm_role(options, name, identity, "EventBridge Scheduler", trust, policy)
    arn = role_making.create(
        account.client("iam"), name, policy, owner=identity.owner, trust=trust,
        policy_name=ttl_role.POLICY_NAME, description="Lets schedules of sagewizard delete its endpoints",
    )  # fmt: skip
    use = "--ttl finds it" if name == ROLE_NAME else f"Name it with --ttl-role {arn}"
    console().line(f"Made {arn}. {use}; a new role takes some seconds to be known everywhere.")
    return ExitCode.OK


def _known(account: Account) -> Identity:
    if account.identity is None:
        raise UsageError(
            "No role can be made before the account is known.", remedy="Correct what failed above first."
        )
    return account.identity


def _confirm_role(
    options: argparse.Namespace,
    name: str,
    identity: Identity,
    who: str,
    trust: Mapping[str, Any],
    policy: Mapping[str, Any],
) -> None:
    from sagewizard.aws.doctor import as_text

    out = console()
    out.line()
    out.line(f"The role {name} in the account {identity.account_id} would be taken on by {who}:")
    out.line(as_text(trust))
    out.line("and may do this:")
    out.line(as_text(policy))
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "Making a role asks for its name, and there is no terminal to type it on.",
                remedy="Look at the policy above, then add --yes.",
            )
        out.stream.write(f"Type the name {name} to make it: ")
        out.stream.flush()
        if sys.stdin.readline().strip() != name:
            raise CancelledError("The role was not made.", remedy="Nothing was changed.")


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other."""
    yield _program()
    yield _packages()
    yield _home(settings.home)
    yield _disk(settings.home)
    yield _memory()
    yield _port()
    yield _data(settings)
    yield _sandbox(settings)
    yield _ledger(settings)
    yield _terminal()


def _program() -> Finding:
    from sagewizard import __version__

    return Finding(
        "program", "ok", f"sagewizard {__version__}, Python {platform.python_version()}, {platform.system()}"
    )


def _packages() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    listed, missing = [], []
    for name in PACKAGES:
        try:
            listed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding(
            "packages",
            "failed",
            f"missing: {', '.join(missing)}",
            "Install sagewizard again: pip install sagewizard",
        )
    return Finding("packages", "ok", ", ".join(listed))


def _home(home: Path) -> Finding:
    import os

    there = home
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding(
            "home", "failed", f"{home} cannot be written", "Name another folder in SAGEWIZARD_HOME."
        )
    return Finding("home", "ok", f"{home}" + ("" if home.exists() else " (made when first needed)"))


def _disk(home: Path) -> Finding:
    there = home
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES:
        return Finding(
            "disk",
            "warning",
            f"{size(free)} free",
            "`sagewizard sandbox reset` frees what the sandbox keeps.",
        )
    return Finding("disk", "ok", f"{size(free)} free")


def _memory() -> Finding:
    try:
        # What the kernel would give, caches included; only Linux tells.
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            free = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return Finding("memory", "ok", "this system does not say how much is free")
    if free < FREE_MEMORY:
        return Finding(
            "memory", "warning", f"{size(free)} free", "Close something: the sandbox and a job need more."
        )
    return Finding("memory", "ok", f"{size(free)} free")


def _port() -> Finding:
    import socket

    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
    except OSError as error:
        return Finding(
            "ports", "failed", f"no port of 127.0.0.1 can be used: {error.strerror or error}",
            "The sandbox serves there: allow it in the firewall or the container.",
        )  # fmt: skip
    return Finding("ports", "ok", "a free one of 127.0.0.1 is taken; nothing is reachable from outside")


def _data(settings: Settings) -> Finding:
    if settings.data is None:
        return Finding(
            "data", "ok", "SAGEWIZARD_DATA is not set; MNIST would be downloaded, bundled datasets are here"
        )
    if not settings.data.is_dir():
        return Finding(
            "data",
            "warning",
            f"SAGEWIZARD_DATA names {settings.data}, which is no folder",
            "Correct it or unset it.",
        )
    names = sorted(entry.name for entry in settings.data.iterdir() if entry.is_dir())
    return Finding("data", "ok", f"{settings.data}: {', '.join(names) or 'empty'}")


def _sandbox(settings: Settings) -> Finding:
    from sagewizard.sandbox import launcher

    try:
        found = launcher.status(settings)
    except SageWizardError as error:
        return Finding("sandbox", "failed", error.message, error.remedy)
    if found is None:
        return Finding("sandbox", "ok", "not running; it starts when it is needed")
    busy = ", ".join(map(str, found.get("busy") or [])) or "nothing"
    return Finding("sandbox", "ok", f"running at {found['url']}, doing {busy}")


def _ledger(settings: Settings) -> Finding:
    from sagewizard.engine.ledger import Ledger

    try:
        alive = [entry for entry in Ledger(settings.ledger).alive() if entry.kind != "s3-prefix"]
    except SageWizardError as error:
        return Finding("ledger", "failed", error.message, error.remedy)
    real = [entry for entry in alive if entry.target != "sandbox"]
    if real:
        return Finding(
            "ledger",
            "warning",
            f"{len(real)} resources on AWS are not deleted",
            "`sagewizard resources` lists them.",
        )
    return Finding(
        "ledger", "ok", f"{len(alive)} resources alive, all in the sandbox" if alive else "nothing alive"
    )


def _terminal() -> Finding:
    out = console(sys.stdout)
    if not out.terminal:
        return Finding("terminal", "ok", "the output is no terminal: plain lines")
    columns, rows = out.size()
    characters = "Unicode" if out.ink.unicode else "ASCII only"
    return Finding("terminal", "ok", f"{columns} x {rows}, colours: {out.ink.color}, {characters}")
