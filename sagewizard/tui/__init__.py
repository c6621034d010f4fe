"""The Textual app: `run()` opens it. It reaches the world through the engine only."""

from __future__ import annotations

import os
import sys


def usable() -> str:
    """Return "" when there is a terminal for the app, else why not."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "The app needs a terminal for input and output."
    if os.environ.get("TERM", "") in ("", "dumb"):
        return "The terminal says that it is dumb (TERM), so the app cannot draw on it."
    return ""


def run(*, instructor: bool = False, replay: tuple[str, float, str] | None = None) -> int:
    """Open the app and return the exit code; prints what is alive when it has closed.

    With `instructor`, lessons show the recipe's notes for whoever teaches. With `replay` (what, speed, step)
    it opens on a recorded run; UsageError when there is no such thing.
    """
    import threading

    from sagewizard import settings
    from sagewizard.tui.app import SageWizardApp

    home = settings.load()
    played = None
    if replay is not None:
        from sagewizard.tui.replaying import open_replay

        wanted, speed, step = replay
        played = open_replay(wanted, home, speed=speed, from_step=step)
    app = SageWizardApp(home, instructor=instructor, replay=played)
    app.run()
    app.control.settle(0.15)
    for line in app.farewell:
        print(line)  # noqa: T201  # the app has gone: this is for the shell
    sys.stdout.flush()
    sys.stderr.flush()
    code = app.return_code or 0
    if any(
        thread.is_alive() and thread.name.startswith(("sagewizard", "run-"))
        for thread in threading.enumerate()
    ):
        # Uploads work in threads that Python would wait for; what they do is safe to leave at any moment.
        os._exit(code)
    return code
