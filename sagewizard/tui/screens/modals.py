"""Owns the dialogs: confirm, typed confirm, error, quit guard; the safe answer has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.screens.once import OnceModal
from sagewizard.tui.whole import whole
from sagewizard.tui.words import per_hour

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel


class Dialog(OnceModal):
    """A box in the middle; Esc gives the safe answer."""

    KEYS_OF = "dialog"
    BINDINGS = bindings_for("dialog")
    SAFE: Any = None

    def __init__(self) -> None:
        super().__init__(classes="dialog")

    def compose_box(self) -> ComposeResult:
        """Yield what is in the box."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with Vertical(classes="dialog-box"):
            yield from self.compose_box()

    def action_dialog_close(self) -> None:
        """Give the safe answer."""
        self.dismiss(self.SAFE)

    async def action_dialog_quit(self) -> None:
        """Leave the app: the keys of the app do not reach it through a dialog."""
        await self.app.run_action("app.app_quit")

    def on_key(self, event: Any) -> None:
        """Move between buttons with the arrow keys."""
        if event.key in ("left", "right") and isinstance(self.focused, Button):
            event.stop()
            if event.key == "left":
                self.focus_previous(Button)
            else:
                self.focus_next(Button)


class Confirm(Dialog):
    """A question with two answers: True, or False, which has the focus."""

    SAFE = False

    def __init__(self, title: str, text: str, yes: str, no: str = "Cancel") -> None:
        super().__init__()
        self._title, self._text, self._yes, self._no = title, text, yes, no

    def compose_box(self) -> ComposeResult:
        """Yield question and answers."""
        yield Static(Content(self._title), classes="dialog-title")
        yield Static(Content(self._text), classes="dialog-text")
        with Horizontal(classes="dialog-buttons"):
            yield Button(Content(self._no), id="no", compact=True)
            yield Button(Content(self._yes), id="yes", variant="warning", compact=True)

    def on_mount(self) -> None:
        """Put the focus on the safe answer."""
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")


class TypedConfirm(Dialog):
    """A question that takes a typed word for a yes; for everything that costs or deletes on AWS."""

    SAFE = False

    def __init__(self, title: str, text: str, word: str) -> None:
        super().__init__()
        self._title, self._text, self._word = title, text, word

    def compose_box(self) -> ComposeResult:
        """Yield the question and the field."""
        yield Static(Content(self._title), classes="dialog-title")
        yield Static(Content(self._text), classes="dialog-text")
        yield Input(id="typed", compact=True, placeholder=self._word)
        yield Static(
            "Enter goes on when it is the same, Esc cancels.", classes="dialog-hint", id="typed-hint"
        )

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one("#typed").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on when the word is the one."""
        if event.value.strip() == self._word:
            self.dismiss(True)
        else:
            self.query_one("#typed-hint", Static).update(
                Content(f"That is not {self._word}. Type it exactly, or Esc to cancel.")
            )


class ErrorDialog(Dialog):
    """An error: title, cause, remedy, a detail to copy; answers "retry" when that is offered and chosen."""

    SAFE = None

    def __init__(
        self, message: str, remedy: str, where: str, detail: str, *, title: str = "", retry: str = ""
    ) -> None:
        super().__init__()
        self._message, self._remedy, self._where, self._detail = message, remedy, where, detail
        self._title, self._retry = title or "This did not work", retry

    def compose_box(self) -> ComposeResult:
        """Yield title, cause, remedy, detail."""
        yield Static(Content(f"✗ {self._title}"), classes="dialog-title")
        cause = f"{self._where}: {self._message}" if self._where else self._message
        yield Static(Content(cause), classes="dialog-text")
        if self._remedy:
            yield Static(Content(f"What to do: {self._remedy}"), classes="dialog-text")
        if "\n\n" in self._detail:
            with VerticalScroll(classes="dialog-detail"):
                yield Static(Content(self._detail))
        with Horizontal(classes="dialog-buttons"):
            if self._retry:
                yield Button(Content(self._retry), id="retry", variant="primary", compact=True)
            yield Button("Close", id="close", compact=True)
            yield Button("Copy details", id="copy", compact=True)

    def on_mount(self) -> None:
        """Put the focus on the first answer."""
        self.query(Button).first().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Copy, or answer."""
        if event.button.id == "copy":
            text = f"{self._message}\n{self._remedy}\n\n{self._detail}"
            self.app.copy(text, "the details", "error.txt")  # type: ignore[attr-defined]
            return
        self.dismiss("retry" if event.button.id == "retry" else None)


class QuitGuard(Dialog):
    """Something is at work or alive: stay (None), keep it, stop the job, tear it all down.

    The answer is None, keep, stop or teardown; to stop is offered while a job is at work.
    """

    SAFE = None

    def __init__(self, model: RunModel, busy: bool) -> None:
        super().__init__()
        self._model, self._busy = model, busy

    def compose_box(self) -> ComposeResult:
        """Yield what is alive and the three answers."""
        model = self._model
        yield Static("Leave while something is still there?", classes="dialog-title")
        lines = []
        if self._busy:
            lines.append("The run is at work. If you leave, it stops here and can go on later.")
        job = model.job_at_work() if self._busy else None
        if job is not None:
            lines.append(f"The {job.kind.replace('-', ' ')} goes on by itself unless you stop it.")
        for resource in list(model.alive.values())[:8]:
            price = f", {per_hour(resource.hourly_usd)}" if resource.hourly_usd else ""
            lines.append(f"  {resource.kind} {resource.name}{price}")
        if model.hourly_usd:
            word = "would go on costing" if model.simulated else "goes on costing"
            where = " on AWS; the sandbox bills nothing" if model.simulated else ""
            lines.append(f"Together it {word} {per_hour(model.hourly_usd)}{where}.")
        yield Static(Content("\n".join(lines)), classes="dialog-text")
        with Horizontal(classes="dialog-buttons"):
            yield Button("Stay", id="stay", compact=True)
            yield Button("Keep running", id="keep", compact=True)
            if job is not None:
                yield Button("Stop the job", id="stop", variant="warning", compact=True)
            yield Button(
                "Tear down", id="teardown", variant="warning", compact=True, disabled=not model.run_id
            )
        yield Static("Press ^q again to leave and keep everything running.", classes="dialog-hint")

    def on_mount(self) -> None:
        """Put the focus on staying."""
        self.query_one("#stay").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(None if event.button.id == "stay" else event.button.id)


class TeardownThenQuit(Dialog):
    """Deletes what the run has made, then leaves; Esc leaves the rest to later."""

    def __init__(self, control: RunControl) -> None:
        super().__init__()
        self._control = control

    def compose_box(self) -> ComposeResult:
        """Yield how far it is."""
        yield Static("Tearing down", classes="dialog-title")
        yield Static("Asking the run to stop first.", classes="dialog-text", id="teardown-text")
        yield Static("Esc goes back to the app; what is left stays alive.", classes="dialog-hint")

    def on_mount(self) -> None:
        """Begin as soon as the engine has let go of the run."""
        self._control.detach()
        self._timer = self.set_interval(0.1, self._begin)

    def _begin(self) -> None:
        if self._control.busy:
            return
        self._timer.stop()
        self._control.teardown(on_done=self._done)

    def update_from(self, model: RunModel, _topics: set[str]) -> None:
        """Say what is gone and what is left."""
        lines = [f"✓ {view.kind} {view.name} is gone" for view in model.gone[-6:]]
        lines += [f"  {view.kind} {view.name}" for view in model.alive.values()]
        text = "\n".join(lines) or "Asking for what is there."
        self.query_one("#teardown-text", Static).update(Content(text))

    def _done(self, failed: list[tuple[str, str]]) -> None:
        if not whole(self):
            return
        if not failed:
            self.app.leave()  # type: ignore[attr-defined]
            return
        text = "\n".join(f"{name}: {reason}" for name, reason in failed)
        self.query_one("#teardown-text", Static).update(Content(f"These could not be deleted:\n{text}"))
