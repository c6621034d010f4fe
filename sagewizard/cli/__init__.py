"""The command line: `main` reads the arguments, runs one command and returns its exit code.

Only the standard library is imported until a command is known, so that `--help` takes less than 0.1 s.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; no traceback for anything that a person can meet."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in ([], ["--instructor"]):
        return _open_app(instructor=bool(arguments))
    from sagewizard.cli.parser import build_parser
    from sagewizard.errors import SageWizardError
    from sagewizard.exit_codes import ExitCode

    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        from importlib import import_module

        module, function = options.command.split(":")
        code = int(getattr(import_module(f"sagewizard.cli.{module}"), function)(options))
        sys.stdout.flush()
        return code
    except SageWizardError as error:
        from sagewizard.cli.problems import show_error

        show_error(error)
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        from sagewizard.cli.problems import left_on_aws

        works = options.command.partition(":")[0] in ("run", "teardown", "guide")
        return int(left_on_aws() if works else ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read stdout has gone; Python would complain once more while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        from sagewizard import boto_errors

        if not boto_errors.is_boto(error):
            raise
        from sagewizard.cli.problems import show_error

        translated = boto_errors.translate(error)
        show_error(translated)
        return int(translated.exit_code)


def _open_app(*, instructor: bool) -> int:
    """Open the app when there is a terminal for it, else say what to run instead."""
    from importlib import import_module

    # By name: the commands are no part of the app, and know nothing else of it.
    app = import_module("sagewizard.tui")
    return _start_text() if app.usable() else int(app.run(instructor=instructor))


def _start_text() -> int:
    from sagewizard.exit_codes import ExitCode
    from sagewizard.i18n import _

    sys.stderr.write(
        _(
            "The app needs a terminal for its input and its output. Without one, use `sagewizard run`.\n"
            "\n"
            "SageWizard takes you through a whole SageMaker project, on this machine,\n"
            "without an account and without a bill.\n"
            "\n"
            "  sagewizard run digits-linear-learner   train, deploy and test a first model\n"
            "  sagewizard recipes list                what else there is\n"
            "  sagewizard doctor                      what this machine has and lacks\n"
            "  sagewizard --help                      all commands\n"
        )
    )
    return int(ExitCode.USAGE)
