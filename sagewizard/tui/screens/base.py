"""Owns what all full screens share: status bar, footer, and what is said when the terminal is too small."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.widgets import Static

from sagewizard.tui.screens.fresh import FreshScreen
from sagewizard.tui.widgets.bars import KeyFooter, StatusBar

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel

SMALLEST = (60, 20)


def too_small(size: Size) -> bool:
    """Tell whether a terminal of that size is too small for any screen."""
    return size.width < SMALLEST[0] or size.height < SMALLEST[1]


class AppScreen(FreshScreen):
    """A full screen: `compose_main` is what lies between status bar and footer.

    `KEYS_OF` names its keys in the registry. `update_from(model, topics)` is called at each tick that changed
    something, also while another screen lies over it.
    """

    KEYS_OF: ClassVar[str] = ""

    @property
    def control(self) -> RunControl:
        """The run on the screen."""
        found: RunControl = self.app.control  # type: ignore[attr-defined]  # the app is always ours
        return found

    def compose_main(self) -> ComposeResult:
        """Yield the screen's own widgets."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Lay out bars and content."""
        yield StatusBar(id="status")
        yield Static(id="too-small")
        yield from self.compose_main()
        yield KeyFooter(id="footer")

    def update_from(self, model: RunModel, topics: set[str]) -> None:
        """Take changed topics."""

    def status(self) -> tuple[list[str], list[str]]:
        """Return the parts of the status bar, left and right."""
        return ["sagewizard"], run_costs(self.control)

    def draw_status(self) -> None:
        """Draw the status bar again."""
        left, right = self.status()
        # None is there before the screen is laid out, and when it is being taken away.
        for bar in self.query("#status").results(StatusBar):
            bar.show(left, right)

    def redraw_keys(self) -> None:
        """Draw the footer again; call it when what a key does has changed."""
        for footer in self.query("#footer").results(KeyFooter):
            footer.redraw()

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        """Show the keys of what has the focus."""
        self.call_after_refresh(self.redraw_keys)

    def on_screen_resume(self) -> None:
        """Come back up to date."""
        self.draw_status()
        self.call_after_refresh(self.redraw_keys)

    def on_resize(self, event: events.Resize) -> None:
        """Say what is needed when the terminal is too small."""
        width, height = event.size
        small = too_small(event.size)
        self.set_class(small, "-too-small")
        if small:
            self.query_one("#too-small", Static).update(
                f"SageWizard needs at least {SMALLEST[0]} x {SMALLEST[1]} cells.\n"
                f"This terminal has {width} x {height}: make it larger."
            )


def run_costs(control: RunControl) -> list[str]:
    """Return the right half of the status bar: target, region, what is alive, the bill."""
    from sagewizard.tui.words import plural, roughly

    model = control.model
    word = "SANDBOX" if model.simulated else model.target.upper()
    parts = control.bar() or [f"[{word}]"]
    if model.region:
        parts.append(model.region)
    endpoints = sum(1 for kind, _name in model.alive if kind == "endpoint")
    jobs = sum(1 for kind, _name in model.alive if kind.endswith("-job"))
    if model.run_id:
        if jobs:
            parts.append(plural(jobs, "job"))
        if endpoints:
            parts.append(plural(endpoints, "endpoint"))
    usd = model.usd(control.clock.now())
    if model.simulated:
        parts.append(f"would cost {roughly(usd)}" if usd else "nothing is billed")
    else:
        parts.append(f"{roughly(usd)} so far")
    if model.hourly_usd:
        parts.append(f"${model.hourly_usd:.3f}/h")
    return parts
