"""The Textual app: `run()` opens it. It reaches the world through the engine only."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import NoReturn

SWITCH = 0.001
"""Seconds that a worker computes on while the interface waits for Python's lock; Python's own are 0.005,
and a key or leaving waits for the lock some ten times."""
COLLECT = (50_000, 20, 100)
"""How seldom Python looks for garbage in circles. With its own 700, 10, 10 the objects that botocore makes of
a service's model lead to a look at everything: 0.27 s in which no key is taken, in the middle of a step."""


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
    from sagewizard.tui.leaving import end

    home = settings.load()
    played = None
    if replay is not None:
        from sagewizard.tui.replaying import open_replay

        wanted, speed, step = replay
        played = open_replay(wanted, home, speed=speed, from_step=step)
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*COLLECT)
    app = SageWizardApp(home, instructor=instructor, replay=played)
    app.ends_process = True
    try:
        app.run()
    except Exception:  # this process must not come back from here: its threads would hold it
        traceback.print_exc()
        os._exit(1)
    end(app.control, app.return_code or 0)
