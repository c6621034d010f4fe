"""The command `code`: a run, or one step of it, as a Python script or a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard import codegen
from sagewizard import settings as settings_module
from sagewizard.cli.terminal import console
from sagewizard.data.files import replacing
from sagewizard.engine import state as states
from sagewizard.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse


def code(options: argparse.Namespace) -> int:
    """Write the code to stdout, or to a file that it replaces whole."""
    settings = settings_module.load()
    state = states.find(settings.runs, options.run)
    path = None if options.output in (None, "-") else Path(options.output).expanduser()
    notebook = options.notebook or (path is not None and path.suffix == ".ipynb")
    text = codegen.generate(settings, state, flavor=options.flavor, step=options.step, notebook=notebook)
    if path is None:
        sys.stdout.write(text)
        return ExitCode.OK
    with replacing(path) as file:
        file.write(text.encode())
    opener = "jupyter lab" if notebook else "python"
    say = console().line
    say(f"{path} does what the run {state.run_id} did." if options.step is None
        else f"{path} does the step {options.step} of the run {state.run_id}.")  # fmt: skip
    if state.simulated:
        say(f"Start it in the sandbox: sagewizard sandbox exec -- {opener} {path}")
    else:
        say(f"It works on AWS, where jobs and endpoints cost money: {opener} {path}")
    return ExitCode.OK
