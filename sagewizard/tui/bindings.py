"""Owns the one registry of key bindings: footer, help, palette and docs/keys.md all read it.

A widget or screen takes its keys with `KEYS_OF = "log"` and `BINDINGS = bindings_for("log")`, and has one
`action_...` method for each (see `Key`). Never bind ctrl+h, i, j, m or [: terminals cannot tell them from
other keys. Letters are swallowed by inputs, so every binding that does something has a `command` for the
palette.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sagewizard.tui import keys_results
from sagewizard.tui.keytable import Key

if TYPE_CHECKING:
    from textual.binding import Binding

_SHELL: Final = (
    Key("app.palette", "ctrl+p", "commands", "Find any command by its name.", "app: Commands"),
    Key("app.help", "question_mark,f1", "help", "Show the keys that work here.", "app: Help", 8),
    Key(
        "app.jump",
        "ctrl+o",
        "jump",
        "Put a letter on everything that can take the focus, and go there.",
        "app: Jump",
    ),
    Key("app.home", "f2", "home", "Go to the recipes.", "app: Home"),
    Key("app.resources", "f3", "resources", "Show everything that is alive, of any run.", "app: Resources"),
    Key("app.runs", "f4", "runs", "Show the history of runs.", "app: Runs"),
    Key("app.theme", "f5", "theme", "Choose the colours; the choice is remembered.", "app: Theme"),
    Key(
        "app.copy-screen",
        "f6",
        "copy text",
        "Copy what is selected with the mouse, or the whole screen.",
        "app: Copy text",
    ),
    Key(
        "app.quit",
        "ctrl+q,ctrl+c",
        "quit",
        "Leave; asks first when something is still alive.",
        "app: Quit",
        9,
    ),
    Key(
        "home.open",
        "enter",
        "start",
        "Start the selected recipe, or go on with the selected run.",
        "home: Start or resume",
        1,
    ),
    Key("home.search", "slash", "search", "Search the recipes as you type.", "home: Search", 2),
    Key("home.focus-runs", "r", "recent runs", "Go to the list of recent runs.", "home: Recent runs", 3),
    Key(
        "home.watch", "w", "watch", "Watch a recorded run: of this recipe if there is one.", "home: Watch", 2
    ),
    Key(
        "home.aws",
        "A",
        "on AWS",
        "Start the recipe in your own AWS account: you see the price first, then type the account number.",
        "home: Start on AWS",
        4,
    ),
    Key("home.clear", "escape", "clear", "Empty the search and go back to the list.", "home: Clear search"),
    Key(
        "run.primary",
        "enter",
        "go",
        "Do what this step is for: the one obvious next thing.",
        "step: Do it",
        1,
    ),
    Key(
        "run.all",
        "a",
        "run the rest",
        "Run all steps that are left, the teardown among them.",
        "run: All the rest",
    ),
    Key("run.previous", "less_than_sign,comma", "back", "Look at the step before.", "step: Previous", 0),
    Key("run.next", "greater_than_sign,full_stop", "forward", "Look at the step after.", "step: Next", 0),
    Key("run.redo", "R", "again", "Do this step and all after it again.", "step: Do again"),
    Key(
        "run.stop",
        "s",
        "stop job",
        "Stop the job on the target; what it has done so far is billed.",
        "job: Stop",
        4,
    ),
    Key("run.detach", "d", "detach", "Stop following; the job goes on without the app.", "job: Detach"),
    Key("run.explain", "e", "explain", "Read the idea behind this step.", "step: Explain", 2),
    Key("run.code", "x", "code", "Show what this step did as a Python script.", "step: Code", 3),
    Key("run.calls", "k", "calls", "Show the API calls of this step, request and answer.", "step: Calls"),
    Key("run.copy", "c", "copy command", "Copy the command that does the same.", "step: Copy command", 6),
    Key(
        "run.log-size", "l", "log", "Change the size of the log: small, half, whole, hidden.", "log: Size", 5
    ),
    Key("run.leave", "escape", "home", "Go back to Home; a job that runs goes on.", "run: Leave", 7),
    Key("run.pause", "space", "pause", "Stop a recorded run where it is, or play on.", "replay: Pause", 2),
    Key("run.faster", "plus", "faster", "Play a recorded run faster.", "replay: Faster", 3),
    Key("run.slower", "minus", "slower", "Play a recorded run slower.", "replay: Slower", 3),
    Key("rail.up", "up", "back", "Look at the step before."),
    Key("rail.down", "down", "forward", "Look at the step after."),
    Key("log.find", "slash", "find", "Find text in the log.", "log: Find", 1),
    Key("log.next", "n", "next", "Go to the next hit.", "log: Next hit", 2),
    Key("log.previous", "N", "previous", "Go to the hit before.", "log: Previous hit"),
    Key("log.follow", "f", "follow", "Follow the newest line, or stay here.", "log: Follow", 3),
    Key("log.wrap", "w", "wrap", "Wrap long lines, or cut them.", "log: Wrap", 4),
    Key("log.copy", "y", "copy log", "Copy the log and write it to a file.", "log: Copy", 5),
    Key("dataset.own", "o", "own data", "Use a CSV file of your own instead.", "dataset: Use own CSV", 3),
    Key(
        "dataset.recipe",
        "b",
        "recipe's data",
        "Go back to the recipe's own data.",
        "dataset: Use recipe's data",
    ),
    Key(
        "preview.next",
        "pagedown,right_square_bracket",
        "next page",
        "Show the next rows.",
        "preview: Next page",
        3,
    ),
    Key(
        "preview.previous",
        "pageup,left_square_bracket",
        "page before",
        "Show the rows before.",
        "preview: Page before",
        4,
    ),
    Key(
        "preview.view",
        "v",
        "view",
        "Change between rows, columns and class balance.",
        "preview: Change view",
        3,
    ),
    Key(
        "algorithm.reset",
        "ctrl+r",
        "reset",
        "Put the selected setting back to the recipe's value.",
        "settings: Reset one",
        3,
    ),
    Key(
        "algorithm.reset-all",
        "ctrl+t",
        "reset all",
        "Put all settings back to the recipe's values.",
        "settings: Reset all",
    ),
    Key(
        "algorithm.advanced",
        "ctrl+l",
        "more",
        "Show or hide the settings that beginners can leave alone.",
        "settings: Show all",
        4,
    ),
    Key("algorithm.diff", "ctrl+g", "changes", "Show what differs from the recipe.", "settings: Changes", 5),
    Key("train.chart", "v", "chart", "Change which curves are drawn.", "train: Change chart", 3),
    Key("tune.sort", "v", "sort", "Sort the trials by order or by objective.", "tune: Sort", 3),
    Key("calls.copy", "c", "copy", "Copy this call.", "calls: Copy", 1),
    Key("code.copy", "c", "copy", "Copy the script and write it to a file.", "code: Copy", 1),
    Key("code.boto3", "1", "boto3", "Write it with boto3.", "code: With boto3", 2),
    Key("code.sdk2", "2", "SDK 2", "Write it with version 2 of the SageMaker SDK.", "code: With SDK 2", 3),
    Key("code.sdk3", "3", "SDK 3", "Write it with version 3 of the SageMaker SDK.", "code: With SDK 3", 4),
    Key("code.calls", "4", "calls", "Show the calls as they were recorded.", "code: Calls", 5),
    Key("code.whole", "w", "whole run", "Show the whole run, or this step alone.", "code: Whole run", 6),
    Key("dialog.quit", "ctrl+q,ctrl+c", "quit", "Leave the app.", "app: Quit"),
    Key("dialog.close", "escape,q", "close", "Close this and go back.", "dialog: Close", 9),
)

KEYS: Final = (*_SHELL, *keys_results.KEYS)
"""Every key of the app, in the order of help and docs/keys.md."""

TITLES: Final = {
    "app": "Everywhere",
    "home": "Home",
    "run": "Run screen",
    "rail": "Step rail",
    "log": "Log",
    "dataset": "Dataset pane",
    "preview": "Preview pane",
    "algorithm": "Algorithm pane",
    "train": "Train pane",
    "tune": "Tune pane",
    "calls": "Calls",
    "code": "Code",
    "dialog": "Dialogs",
    **keys_results.TITLES,
}

FORBIDDEN: Final = frozenset(("ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+left_square_bracket"))


def keys_of(where: str) -> tuple[Key, ...]:
    """Return the keys of one part of the app."""
    return tuple(key for key in KEYS if key.where == where)


def bindings_for(where: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Return the keys of one part as Textual bindings, none shown: the footer draws itself."""
    from textual.binding import Binding

    return [
        Binding(key.keys, key.action, key.label, tooltip=key.tooltip, id=key.id, show=False)
        for key in keys_of(where)
    ]
