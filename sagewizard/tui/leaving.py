"""Owns the end of the process once the app is left: the terminal as it was, what is alive, then out."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from textual.driver import Driver

    from sagewizard.tui.control import RunControl

SETTLE = 0.08
"""Seconds that the engine has to write down where it stopped; what it does not write, resuming finds out."""


def give_back(driver: Driver) -> None:
    """Put the terminal back as it was.

    By the driver alone: Textual's own way takes the widgets apart one by one, and each turn of its loop waits
    for Python's lock while a worker imports or computes: 0.2 s, twice that on a busy machine.
    """
    # The driver would wait 0.1 to 0.2 s for its thread that reads keys; the process ends it sooner.
    vars(driver)["_key_thread"] = None
    driver.stop_application_mode()
    driver.close()


def end(control: RunControl, code: int = 0) -> NoReturn:
    """Print what is alive on the shell and end the process with an exit code.

    At once: the end of the interpreter would wait for threads that read keys or upload, and take all modules
    apart, half a second that nobody has to wait for. What threads do is safe to leave at any moment.
    """
    try:
        from sagewizard.tui.farewell import exit_code, farewell, still_alive

        control.settle(SETTLE)
        # Where Textual still holds `sys.stdout` the shell is behind the original one.
        shell = sys.__stdout__ or sys.stdout
        # A terminal that has gone takes nothing any more, and the process must end all the same.
        alive = still_alive(control)
        with contextlib.suppress(OSError):
            for line in farewell(control, alive):
                shell.write(f"{line}\n")
            shell.flush()
        code = exit_code(alive, code)
    except Exception:  # this process must not come back from here: its threads would hold it
        traceback.print_exc(file=sys.__stderr__)
        code = 1
    finally:
        os._exit(code)
