"""Owns the app: screens, themes, the 10 Hz tick, errors as dialogs, leaving; imports nothing heavy."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete

from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.farewell import farewell
from sagewizard.tui.screens.home import HomeScreen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path, PurePath

    from textual.dom import DOMNode
    from textual.screen import Screen

    from sagewizard.clock import Clock
    from sagewizard.errors import SageWizardError
    from sagewizard.settings import Settings
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.keytable import Key
    from sagewizard.tui.reminders import Reminders, Used
    from sagewizard.tui.replaying import ReplayControl

TICK = 0.1
"""Ten looks at the queue a second: enough for the eye, and keys stay quick under 2,000 log lines a second."""
RECIPE_AFTER = 0.4
"""Seconds until a recorded run's recipe is read: its lessons and settings are not in the first frame."""


class SageWizardApp(App[None]):
    """The app over one home; `settings` says where it keeps things, `clock` tells the time."""

    TITLE = "sagewizard"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "styles/base.tcss",
        "styles/home.tcss",
    ]
    """What Home needs; other screens bring their own styles when they are first shown."""
    KEYS_OF = "app"
    BINDINGS = bindings_for("app")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  # as the base declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012  # as the base declares it

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        instructor: bool = False,
        replay: ReplayControl | None = None,
    ) -> None:
        no_color = "NO_COLOR" in os.environ
        # Textual's own way with NO_COLOR keeps greys; the terminal's own colours are what was asked for.
        super().__init__(ansi_color=True if no_color else None)
        self.settings = settings
        self._clock = clock
        self.instructor = instructor
        self._control: RunControl | None = None
        self._replay = replay
        self.farewell: list[str] = []
        self.ends_process = False
        """Whether the process ends with the app: then nothing waits for threads; `farewell` stays empty."""
        self._reminders: Reminders | None = None
        self.theme = "ansi-dark" if no_color else self._remembered_theme()

    @property
    def replaying(self) -> bool:
        """Whether a recorded run has been opened."""
        return self._replay is not None

    @property
    def control(self) -> RunControl:
        """The run on the screen; made when it is first asked for, which is after the first frame."""
        if self._control is None:
            from sagewizard.tui.control import RunControl

            self._control = RunControl(self.settings, clock=self._clock)
            self._control.on_error = self.show_error
            self._control.on_account = self._ask_account
        return self._control

    # Life

    def get_default_screen(self) -> Screen[Any]:
        """Return Home, so that the first frame is the one to stay."""
        return HomeScreen()

    def on_mount(self) -> None:
        """Start the tick; what is slow begins after the first frame."""
        self.set_interval(TICK, self.tick, name="tick")
        self.set_interval(30.0, self.look_for_idle, name="idle")
        self.set_timer(0.5, self.look_for_idle)
        if not self.is_headless and os.isatty(0):
            self.set_interval(2.0, self.leave_without_terminal)
        if self._replay is not None:
            self.show_replay(self._replay)

    def leave_without_terminal(self) -> None:
        """End when the terminal has gone without a word, as some connections do; a job goes on by itself.

        At once: an orderly end would wait for ever to write to a terminal that is not there.
        """
        if not os.isatty(0) and self.ends_process:
            os._exit(128 + signal.SIGHUP)

    def tick(self) -> None:
        """Fold in what workers have left, play a recorded run on, and tell the screens."""
        if not self.is_running:  # it is being taken apart: screens are there, but no longer whole
            return
        for control in (self._control, self._replay):
            changed = control.drain() if control is not None else set()
            if control is None or not changed:
                continue
            for screen in self.screen_stack:
                update = getattr(screen, "update_from", None)
                if update is not None and getattr(screen, "control", self._control) is control:
                    update(control.model, changed)

    # Recorded runs

    def open_replay(self, wanted: str) -> None:
        """Open a run of this home in a worker, and play it back."""
        from sagewizard.tui.replaying import open_replay

        self.control.call(lambda: open_replay(wanted, self.settings, clock=self._clock), self.show_replay)

    def open_shipped_replay(self, name: str) -> None:
        """Open a recorded run that ships and play it; at once, since it is small: 50 ms."""
        from sagewizard.errors import SageWizardError
        from sagewizard.tui.replaying import open_replay

        try:
            self.show_replay(open_replay(name, self.settings, clock=self._clock))
        except SageWizardError as error:
            self.show_error(error)

    def show_replay(self, replay: ReplayControl) -> None:
        """Play a recorded run on the run screen; one that is there already makes way."""
        from sagewizard.tui.screens.run import RunScreen

        replay.on_error = self.show_error
        self._close_to(HomeScreen)
        self._replay = replay
        self.push_screen(RunScreen(replay))
        # The frame first: what the recipe's reader imports would keep it waiting.
        self.set_timer(RECIPE_AFTER, replay.read_recipe)

    # Errors

    def show_error(self, error: SageWizardError) -> None:
        """Show an error as a dialog: title, cause, remedy, a detail to copy."""
        from sagewizard.tui.problems import detail_of
        from sagewizard.tui.screens.modals import ErrorDialog

        self.push_screen(ErrorDialog(error.message, error.remedy, error.where, detail_of(error)))

    def _ask_account(self, account: str) -> bool:
        """Ask for the account number; runs in a worker, which waits for the person."""
        from sagewizard.tui.screens.going_to_aws import ask_account

        return ask_account(self, self.control, account)

    # Themes

    @property
    def _theme_file(self) -> Path:
        return self.settings.home / "theme"

    def _remembered_theme(self) -> str:
        try:
            name = self._theme_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return "textual-dark"
        return name if name in self.available_themes else "textual-dark"

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        if self.is_running and "NO_COLOR" not in os.environ:
            # A home that cannot be written must not stop a change of colours.
            with contextlib.suppress(OSError):
                self.settings.home.mkdir(parents=True, exist_ok=True)
                self._theme_file.write_text(theme_name + "\n", encoding="utf-8")

    @property
    def colourless(self) -> bool:
        """Whether pictures have to do without colours: NO_COLOR, or the terminal's own sixteen."""
        return "NO_COLOR" in os.environ or self.theme.startswith("ansi")

    # Actions

    def action_app_palette(self) -> None:
        """Open the command palette."""
        from sagewizard.tui.screens.palette import Palette, commands

        if not isinstance(self.screen, Palette):
            self.push_screen(commands())

    def action_command_palette(self) -> None:
        """Open it by the same way when Textual's own binding asks for it."""
        self.action_app_palette()

    def action_app_help(self) -> None:
        """Show the keys that work here."""
        from sagewizard.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.active_keys()))

    def action_app_jump(self) -> None:
        """Put letters on what can take the focus."""
        from sagewizard.tui.screens.jump import JumpScreen

        self.push_screen(JumpScreen(self.screen))

    @property
    def settled(self) -> bool:
        """Whether the screen is there and no dialog; until then the app's own keys rest."""
        from textual.screen import ModalScreen

        return self.screen.is_mounted and not isinstance(self.screen, ModalScreen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the app's own keys rest while a dialog is open, leaving aside."""
        if action.startswith("app_") and action not in ("app_quit", "app_copy_screen"):
            return self.settled
        return True

    def pop_screen(self) -> AwaitComplete:
        """Close the screen on top; never Home, and never one that is only coming up.

        Keys that were typed ahead ask for both: the second Enter in a list that closes itself, Esc before the
        screen is there.
        """
        if len(self.screen_stack) <= 1 or not self.screen.is_mounted:
            return AwaitComplete()
        return super().pop_screen()

    def action_app_home(self) -> None:
        """Go to Home."""
        if not self.settled:
            return
        self._close_to(HomeScreen)
        home = self.screen
        if isinstance(home, HomeScreen):
            home.reload()

    def action_app_resources(self) -> None:
        """Show everything that is alive."""
        from sagewizard.tui.screens.resources import ResourcesScreen

        if not self._back_to(ResourcesScreen):
            self.push_screen(ResourcesScreen(self.control))

    def action_app_runs(self) -> None:
        """Show the history of runs."""
        from sagewizard.tui.screens.runs import RunsScreen

        if not self._back_to(RunsScreen):
            self.push_screen(RunsScreen(self.control))

    def _back_to(self, kind: type[Screen[Any]]) -> bool:
        """Close what lies over a screen of this kind; False when there is none."""
        if not any(isinstance(screen, kind) for screen in self.screen_stack):
            return False
        self._close_to(kind)
        return True

    def _close_to(self, kind: type[Screen[Any]]) -> None:
        while not isinstance(self.screen, kind) and self.screen.is_mounted and len(self.screen_stack) > 1:
            self.pop_screen()

    def open_run_screen(self) -> None:
        """Show the run of `control` over Home; a run screen that is there already makes way."""
        from sagewizard.tui.screens.run import RunScreen

        self._close_to(HomeScreen)
        self.push_screen(RunScreen(self.control))

    def action_app_theme(self) -> None:
        """Choose a theme."""
        from sagewizard.tui.screens.palette import themes

        self.push_screen(themes())

    def action_app_copy_screen(self) -> None:
        """Copy the selection, or the text of the whole screen."""
        from sagewizard.tui.copying import screen_text

        self.copy(self.screen.get_selected_text() or screen_text(self), "the screen", "screen.txt")

    def copy(self, text: str, what: str, file_name: str) -> None:
        """Copy over OSC 52, and write a file for terminals that do not take it; say where it is."""
        from sagewizard.tui.copying import keep

        self.copy_to_clipboard(text)
        path = keep(self.settings, file_name, text)
        place = f" It is also in {path}." if path else ""
        self.notify(f"Copied {what}.{place}", markup=False)

    async def action_app_quit(self) -> None:
        """Leave, after a question when something is at work or alive."""
        from sagewizard.tui.screens.modals import QuitGuard

        model = self.control.model
        if not self.control.busy and not model.alive:
            self.leave()
            return
        if isinstance(self.screen, QuitGuard):
            self.leave()
            return
        self.push_screen(QuitGuard(model, self.control.busy), self._quit_answered)

    async def action_quit(self) -> None:
        """Leave by the same way when Textual's own quit is asked for."""
        await self.action_app_quit()

    def action_help_quit(self) -> None:
        """Leave on ctrl+c as well: a person who presses it wants out."""
        self.call_later(self.action_app_quit)

    def _quit_answered(self, answer: str | None) -> None:
        if answer == "keep":
            self.leave()
        elif answer == "stop":
            # The target's answer first: once the program has ended, nobody would notice that it refused.
            self.control.stop_job(lambda _name: self.leave())
        elif answer == "teardown":
            from sagewizard.tui.screens.modals import TeardownThenQuit

            self.push_screen(TeardownThenQuit(self.control))

    def leave(self) -> None:
        """End the app at once; the engine gets a moment to write down where it stopped."""
        self.control.detach()
        if self._replay is not None:
            self._replay.left()
        if self.ends_process and self._driver is not None:
            from sagewizard.tui import leaving

            self.control.drain()  # the run's id may have come since the last tick
            leaving.give_back(self._driver)
            leaving.end(self.control)
        self.farewell = farewell(self.control)
        self.exit()

    # Keys and commands

    def active_keys(self, *, near: bool = False) -> list[tuple[Key, DOMNode]]:
        """Return every key that has an effect on this screen with the node that takes it, nearest first."""
        from sagewizard.tui.active import active_keys

        return active_keys(self, near=near)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield every command of the registry that works on the screen, named `area: Verb`."""
        for key, node in self.active_keys():
            if key.command and key.id != "app.palette":
                yield SystemCommand(key.command, key.tooltip, self._runner(key, node))

    async def action_press_key(self, key_id: str) -> None:
        """Do what a key does; for a click on the footer."""
        for key, node in self.active_keys():
            if key.id == key_id:
                await self.run_action(key.action, default_namespace=node)
                return

    def _runner(self, key: Key, node: DOMNode) -> Any:
        async def run() -> None:
            await self.run_action(key.action, default_namespace=node)

        return run

    # Reminders

    def look_for_idle(self) -> None:
        """Remind of endpoints that are alive and idle; the look at the ledger is a worker's."""
        from sagewizard.tui import reminders

        settings, control = self.settings, self.control
        if self._reminders is None:
            self._reminders = reminders.Reminders()
        decide = self._reminders

        def look() -> list[Used]:
            return reminders.endpoints(settings)

        def told(found: list[Used]) -> None:
            now, model = control.clock.now(), control.model
            asked = max((p.time for p in model.predictions), default=0.0)
            due = decide.due(found, now, run_id=model.run_id, asked=asked)
            if due:
                text = reminders.reminder(due, now)
                self.notify(text, severity="warning", timeout=reminders.SHOWN_FOR, markup=False)

        control.call(look, told, lambda _error: None)
