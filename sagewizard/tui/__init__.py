"""The Textual app: `run()` opens it. It reaches the world through the engine only."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn


def usable() -> str:
    """Return "" when there is a terminal for the app, else why not."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "The app needs a terminal for input and output."
    if os.environ.get("TERM", "") in ("", "dumb"):
        return "The terminal says that it is dumb (TERM), so the app cannot draw on it."
    return ""


def run(*, instructor: bool = False, replay: tuple[str, float, str] | None = None) -> NoReturn:
    """Open the app; prints what is alive when it has closed, and ends the process with the exit code.

    With `instructor`, lessons show the recipe's notes for whoever teaches. With `replay` (what, speed, step)
    it opens on a recorded run; UsageError when there is no such thing.
    """
    from sagewizard import settings
    from sagewizard.tui.app import SageWizardApp
    from sagewizard.tui.farewell import farewell

    home = settings.load()
    played = None
    if replay is not None:
        from sagewizard.tui.replaying import open_replay

        wanted, speed, step = replay
        played = open_replay(wanted, home, speed=speed, from_step=step)
    app = SageWizardApp(home, instructor=instructor, replay=played)
    app.ends_process = True
    code = 1
    try:
        app.run()
        app.control.settle(0.08)
        for line in farewell(app.control):
            print(line)  # noqa: T201  # the app has gone: this is for the shell
        code = app.return_code or 0
    except Exception:  # this process must not come back from here: see below
        traceback.print_exc()
    finally:
        # A terminal that has gone takes nothing any more, and the process must end all the same.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # The end of the interpreter would wait for threads that read keys or upload, and take all modules
        # apart: half a second that nobody has to wait for. What threads do is safe to leave at any moment.
        os._exit(code)
