"""Owns what is read over the run screen: the lesson, the step as Python, its API calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import TITLES
from sagewizard.tui.screens.once import OnceModal
from sagewizard.tui.whole import whole

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.events import ApiCalled
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel


class Reader(OnceModal):
    """A large box with a title and a hint; Esc or q closes it."""

    KEYS_OF = "dialog"
    BINDINGS = bindings_for("dialog")

    def __init__(self, title: str, hint: str = "Esc closes, arrow keys scroll") -> None:
        super().__init__(classes="reader")
        self._title, self._hint = title, hint

    def compose_body(self) -> ComposeResult:
        """Yield the content."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Lay out title, content, hint."""
        with Vertical(classes="reader-box"):
            yield Static(Content(self._title), classes="reader-title")
            yield from self.compose_body()
            yield Static(Content(self._hint), classes="reader-hint")

    def action_dialog_close(self) -> None:
        """Close."""
        self.dismiss(None)

    async def action_dialog_quit(self) -> None:
        """Leave the app: the keys of the app do not reach it through a dialog."""
        await self.app.run_action("app.app_quit")


class ExplainScreen(Reader):
    """The lesson of a step."""

    def __init__(self, lesson: str, *, title: str = "The idea behind this step") -> None:
        super().__init__(title)
        self._lesson = lesson

    def compose_body(self) -> ComposeResult:
        """Yield the lesson."""
        from textual.widgets import Markdown

        with VerticalScroll(classes="reader-body", id="lesson"):
            yield Markdown(self._lesson, open_links=False)

    def on_mount(self) -> None:
        """Scroll with the arrow keys at once."""
        self.query_one("#lesson").focus()


class CodeScreen(Reader):
    """The step, or the whole run, as Python: with boto3, with an SDK, or as the calls that were recorded."""

    KEYS_OF = "code"
    BINDINGS: ClassVar[list[Any]] = [*bindings_for("code"), *bindings_for("dialog")]

    def __init__(self, control: RunControl, step: str) -> None:
        super().__init__("", "1 boto3  2 SDK 2  3 SDK 3  4 its calls  w whole run  c copy  Esc closes")
        self._control, self._step = control, step
        self._flavor, self._whole = "boto3", False
        self._code = ""

    def compose_body(self) -> ComposeResult:
        """Yield the place of the script."""
        with VerticalScroll(classes="reader-body", id="code"):
            yield Static("Writing it ...", id="code-text")

    def on_mount(self) -> None:
        """Scroll with the arrow keys at once."""
        self.query_one("#code").focus()
        self._write()

    def _write(self) -> None:
        """Write what is asked for: the recorded calls at once, anything else in a thread."""
        from sagewizard.codegen.calls import script

        model = self._control.model
        what = "The whole run" if self._whole else TITLES.get(self._step, self._step)
        title = f"{what} as Python, {_FLAVORS[self._flavor]}"
        self.query_one(".reader-title", Static).update(Content(title))
        if self._flavor == "calls":
            calls = [c.event for c in model.calls] if self._whole else model.calls_of(self._step)
            self._show(script(calls, step="" if self._whole else self._step, region=model.region))
            return
        asked = (self._flavor, self._whole)
        if not model.run_id:
            self._show("", asked, "There is no run yet.\nDo a step first: then its code is here.")
            return
        settings, run_id = self._control.settings, model.run_id

        def written() -> str:
            from sagewizard.codegen import of_run

            return of_run(settings, run_id, flavor=asked[0], step=None if asked[1] else self._step)

        self._control.call(
            written,
            lambda text: self._show(text, asked),
            lambda error: self._show("", asked, f"{error.message}\n4 shows the calls that were recorded."),
        )

    def _show(self, code: str, asked: tuple[str, bool] | None = None, fault: str = "") -> None:
        if not whole(self) or (asked is not None and asked != (self._flavor, self._whole)):
            return  # something else was asked for meanwhile
        if not self.query("#code-text"):
            return  # the screen is being taken away
        self._code = code
        place = self.query_one("#code-text", Static)
        if not code:
            none = "This step has made no call yet.\nDo it first: then its calls are here as a script."
            place.update(Content(fault or none))
            return
        from rich.syntax import Syntax

        theme = "ansi_dark" if self.app.colourless else "monokai"  # type: ignore[attr-defined]
        place.update(Syntax(code, "python", theme=theme, background_color="default", word_wrap=True))
        self.query_one("#code").scroll_home(animate=False)

    def _choose(self, flavor: str) -> None:
        self._flavor = flavor
        self._write()

    def action_code_boto3(self) -> None:
        """Show it with boto3."""
        self._choose("boto3")

    def action_code_sdk2(self) -> None:
        """Show it with version 2 of the SDK."""
        self._choose("sdk2")

    def action_code_sdk3(self) -> None:
        """Show it with version 3 of the SDK."""
        self._choose("sdk3")

    def action_code_calls(self) -> None:
        """Show the recorded calls."""
        self._choose("calls")

    def action_code_whole(self) -> None:
        """Show the whole run, or the step alone again."""
        self._whole = not self._whole
        self._write()

    def action_code_copy(self) -> None:
        """Copy the script."""
        if self._code:
            name = "run" if self._whole else self._step
            self.app.copy(self._code, "the script", f"{name}.py")  # type: ignore[attr-defined]


_FLAVORS = {
    "boto3": "with boto3",
    "sdk2": "with SDK 2",
    "sdk3": "with SDK 3",
    "calls": "the calls it made",
}


class CallsScreen(Reader):
    """The API calls that a step made: a list, and request and answer of the one under the cursor."""

    KEYS_OF = "calls"
    BINDINGS: ClassVar[list[Any]] = [*bindings_for("calls"), *bindings_for("dialog")]

    def __init__(self, model: RunModel, step: str) -> None:
        hint = "c copies the call, Tab scrolls it, Esc closes"
        super().__init__(f"API calls of {TITLES.get(step, step)}", hint)
        self._calls = model.calls_of(step)

    def compose_body(self) -> ComposeResult:
        """Yield list and detail."""
        if not self._calls:
            yield Static("This step has made no call to SageMaker or S3 yet.", classes="reader-body")
            return
        with Horizontal(classes="reader-body"):
            yield OptionList(
                *[Option(_call_line(call), id=str(number)) for number, call in enumerate(self._calls)],
                id="calls-list",
            )
            with VerticalScroll(id="calls-detail"):
                yield Static("", id="calls-text")

    def on_mount(self) -> None:
        """Begin with the first call."""
        if self._calls:
            self.query_one("#calls-list").focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show request and answer."""
        call = self._calls[int(str(event.option.id))]
        self.query_one("#calls-text", Static).update(Content(call_text(call)))

    def action_calls_copy(self) -> None:
        """Copy the call under the cursor."""
        if not self._calls:
            return
        place = self.query_one("#calls-list", OptionList).highlighted or 0
        self.app.copy(call_text(self._calls[place]), "the call", "call.txt")  # type: ignore[attr-defined]


def _call_line(call: ApiCalled) -> Content:
    glyph, word = ("✗", call.error_code) if call.error_code else ("✓", f"{call.seconds * 1000:.0f} ms")
    return Content(f"{glyph} {call.operation}\n  {call.service}, {word}")


def call_text(call: ApiCalled) -> str:
    """Return one call as text: service, operation, request, answer or error."""
    lines = [f"{call.service} {call.operation}", "", "Request", pretty(call.request), ""]
    if call.error_code:
        lines += ["Error", f"{call.error_code}: {call.error_message}"]
    else:
        lines += ["Answer", pretty(call.response or {})]
    return "\n".join(lines)


def pretty(value: Any) -> str:
    """Return plain data as indented JSON."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
