"""The command `doctor`: what this machine has and lacks, one line each, with the remedy."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from sagewizard import settings as settings_module
from sagewizard.cli.terminal import console
from sagewizard.errors import SageWizardError
from sagewizard.exit_codes import ExitCode
from sagewizard.render.units import size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from sagewizard.settings import Settings

# A run of the MNIST recipe leaves 230 MB in the sandbox.
FREE_BYTES = 2_000_000_000
PACKAGES = ("boto3", "moto", "numpy", "pandas", "scikit-learn", "orjson", "pydantic", "PyYAML", "sagemaker")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do when it is not well."""

    name: str
    state: Literal["ok", "warning", "failed"]
    text: str
    remedy: str = ""


def doctor(options: argparse.Namespace) -> int:
    """Look at everything; the exit code is 1 when something would stop a run."""
    found = list(findings(settings_module.load()))
    if options.json:
        import orjson

        sys.stdout.buffer.write(
            orjson.dumps([asdict(finding) for finding in found], option=orjson.OPT_INDENT_2) + b"\n"
        )
    else:
        out = console(sys.stdout)
        marks = {"ok": "done", "warning": "warning", "failed": "failed"}
        for finding in found:
            out.line(
                f"{out.glyph(marks[finding.state])} {finding.state:<7}  {finding.name:<10} {finding.text}"
            )
            if finding.remedy:
                out.line(f"{'':22}{finding.remedy}")
    return ExitCode.JOB_FAILED if any(finding.state == "failed" for finding in found) else ExitCode.OK


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other."""
    from sagewizard import __version__

    yield Finding(
        "program", "ok", f"sagewizard {__version__}, Python {platform.python_version()}, {platform.system()}"
    )
    yield _packages()
    yield _home(settings.home)
    yield _disk(settings.home)
    yield _data(settings)
    yield _sandbox(settings)
    yield _ledger(settings)
    yield _terminal()


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
