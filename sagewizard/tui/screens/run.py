"""Owns the run screen: rail, the pane of the place that is shown, log, echo line; and the verbs of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher, Input

from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for, keys_of
from sagewizard.tui.panes import pane_class, places
from sagewizard.tui.panes.base import TITLES, StepPane
from sagewizard.tui.screens.base import AppScreen, run_costs
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.bars import EchoLine
from sagewizard.tui.widgets.logpane import LogPane
from sagewizard.tui.widgets.rail import Rail

if TYPE_CHECKING:
    from pathlib import PurePath

    from textual import events
    from textual.app import ComposeResult
    from textual.widgets import OptionList

    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel
    from sagewizard.tui.replaying import ReplayControl
    from sagewizard.tui.views import Problem

LOG_SIZES = ("small", "half", "whole", "hidden")


class RunScreen(AppScreen):
    """One run, from its first step to its teardown."""

    KEYS_OF = "run"
    BINDINGS = bindings_for("run")
    AUTO_FOCUS = ""
    CSS_PATH: ClassVar[list[str | PurePath]] = ["../styles/run.tcss", "../styles/results.tcss"]

    def __init__(self, control: RunControl) -> None:
        super().__init__()
        self._control = control
        self.place = ""
        self._logged = 0
        self._log_model: RunModel | None = None
        self._log_size = "small"
        self._problem: Problem | None = None
        self._stay = False

    @property
    def control(self) -> RunControl:
        """The run on the screen."""
        return self._control

    @property
    def _replay(self) -> ReplayControl | None:
        """The run on the screen when it is a recorded one."""
        return cast("ReplayControl", self._control) if self._control.recorded else None

    def on_unmount(self) -> None:
        """Let go of the run."""
        self._control.left()

    def compose_main(self) -> ComposeResult:
        """Lay out rail and pane side by side, the log and the echo line below."""
        with Horizontal(id="run-main"):
            yield Rail(self._control, id="rail")
            with Vertical(id="run-right"):
                yield ContentSwitcher(id="panes")
        yield LogPane(id="log")
        yield EchoLine(id="echo")

    async def on_mount(self) -> None:
        """Show the first place that has something to do."""
        model = self._control.model
        first = model.current if self._control.busy else model.next_step()
        first = first or next(reversed(model.steps), "")
        if first in ("train", "tune") and model.step(first).status == "waiting":
            first = "algorithm"
        self.set_log_size("small")
        await self._show(first or "dataset")
        if not whole(self):  # it has gone meanwhile
            return
        self._refill_log()
        self.update_from(model, set(t.ALL_TOPICS))

    # Showing places

    @property
    def pane(self) -> StepPane | None:
        """The pane that is shown; None before the first one is there."""
        switchers = self.query("#panes").results(ContentSwitcher)
        found = next((switcher.visible_content for switcher in switchers), None)
        return found if isinstance(found, StepPane) else None

    def show(self, place: str, *, passing: bool = False) -> None:
        """Show a place of the rail; `passing` begins in no field, which would take the next key."""

        async def work() -> None:
            await self._show(place, passing=passing)

        # A function, not a coroutine: one that gives way before it began would be left unawaited.
        self.run_worker(work, exclusive=True, group="show")  # type: ignore[arg-type]

    async def _show(self, place: str, *, passing: bool = False) -> None:
        if place not in places(tuple(self._control.model.steps)):
            return
        switcher = self.query_one("#panes", ContentSwitcher)
        name = f"pane-{place}"
        rail = self.query_one("#rail", Rail)
        rail_focused = rail.has_focus
        if not switcher.query(f"#{name}"):
            await switcher.add_content(pane_class(place)(place, self._control), id=name)
        if not whole(self) or not switcher.query(f"#{name}"):  # it has gone meanwhile
            return
        self.place = place
        switcher.current = name
        rail.draw(place)
        pane = self.pane
        if pane is not None:
            pane.update_from(self._control.model, set(t.ALL_TOPICS))
            if passing and pane.BEGINS_IN_FIELD:
                rail.focus()
            elif not rail_focused:
                self.call_after_refresh(pane.focus_first)
        self._draw_echo()
        self.draw_status()
        self.call_after_refresh(self.redraw_keys)

    def on_step_pane_go_to(self, event: StepPane.GoTo) -> None:
        """Show the place that a pane asks for."""
        self._stay = False
        self.show(event.place)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Follow the cursor of the rail."""
        if event.option_list.id == "rail" and event.option.id and event.option.id != self.place:
            self._stay = True
            self.show(event.option.id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Do what the place is for when Enter is pressed in the rail."""
        if event.option_list.id == "rail":
            self.action_run_primary()

    async def on_key(self, event: events.Key) -> None:
        """Let a pane's own letters work from the rail and the log: nothing nearer has taken the key."""
        pane = self.pane
        if pane is None or not pane.KEYS_OF or pane.has_focus_within or isinstance(self.focused, Input):
            return
        key = next((key for key in keys_of(pane.KEYS_OF) if event.key in key.keys.split(",")), None)
        if key is not None:
            event.stop()
            await self.app.run_action(key.action, default_namespace=pane)

    # Following the run

    def update_from(self, model: RunModel, topics: set[str]) -> None:
        """Take changed topics: log, rail, pane, bars, errors."""
        if not self.place or not whole(self):
            return
        if t.LOG in topics or model is not self._log_model:
            self._refill_log()
            if topics == {t.LOG}:
                return
        if topics & {t.STEPS, t.RUN, t.OPTIONS}:
            self._follow_step(model)
            self.query_one("#rail", Rail).draw(self.place)
        pane = self.pane
        if pane is not None:
            pane.update_from(model, topics)
        self.draw_status()
        if topics & {t.OPTIONS, t.STEPS, t.RUN, t.DATASET}:
            self._draw_echo()
            self.redraw_keys()
        if t.ERROR in topics:
            self._tell_error(model)

    def _follow_step(self, model: RunModel) -> None:
        """Show the step at work while all the rest runs, unless the person looks at another."""
        elsewhere = model.current and model.current != self.place
        if self._control.busy and not self._stay and elsewhere:
            if model.step(model.current).status != "running":
                return
            self.show(model.current)

    def _refill_log(self) -> None:
        model, log = self._control.model, self.query_one("#log", LogPane)
        if model is not self._log_model:
            log.clear()
            self._logged, self._log_model = 0, model
        new = model.log.since(self._logged)
        self._logged = model.log.total
        if new:
            log.extend(new)

    def _tell_error(self, model: RunModel) -> None:
        problem = model.error
        if problem is None or problem == self._problem:
            self._problem = problem
            return
        self._problem = problem
        from sagewizard.tui.screens import broken

        def answered(answer: str | None) -> None:
            if answer == "retry":
                broken.go_on(problem, self._control)

        self.app.push_screen(broken.dialog_of(problem, self._control), answered)

    # Bars

    @property
    def key_labels(self) -> dict[str, str]:
        """What the footer calls a key that does something else now."""
        return {"run.leave": "back"} if getattr(self.pane, "own", False) else {}

    def status(self) -> tuple[list[str], list[str]]:
        """Return the status bar: recipe, place, target, costs."""
        model = self._control.model
        view = model.steps.get(self.place)
        step = f"step {view.number}/{len(model.steps)}" if view is not None else TITLES.get(self.place, "")
        return ["sagewizard", model.recipe, step], run_costs(self._control)

    def _draw_echo(self) -> None:
        self.query_one("#echo", EchoLine).show(self._control.command(self._step_of_place()))

    def set_log_size(self, size: str) -> None:
        """Give the log its size: small, half, whole, hidden."""
        self._log_size = size
        for name in LOG_SIZES:
            self.set_class(name == size, f"-log-{name}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Switch off what has no effect now, so that the footer shows what has."""
        control = self._control
        if action in ("run_pause", "run_faster", "run_slower"):
            return control.recorded
        if control.recorded and action in ("run_stop", "run_detach", "run_redo", "run_all"):
            return False
        if action == "run_stop":
            return any(not j.ended and j.kind != "endpoint" for j in control.model.jobs.values())
        if action == "run_detach":
            return control.busy
        if action in ("run_all", "run_redo"):
            return not control.busy
        return True

    # Actions

    def action_run_primary(self) -> None:
        """Do what the place is for."""
        pane = self.pane
        action = pane.primary() if pane is not None else None
        if action is None:
            self.notify("This step is at work. You can look at the others meanwhile.", markup=False)
            return
        self._stay = False
        action.run()
        if pane is not None:
            pane.update_from(self._control.model, {t.STEPS})

    def action_run_pause(self) -> None:
        """Stop a recorded run where it is, or go on."""
        if self._replay is not None:
            self._replay.toggle()

    def action_run_faster(self) -> None:
        """Play a recorded run faster."""
        self._speed(1)

    def action_run_slower(self) -> None:
        """Play a recorded run slower."""
        self._speed(-1)

    def _speed(self, by: int) -> None:
        if self._replay is not None:
            self.notify(f"Playing {self._replay.faster(by)}.", markup=False, timeout=2)

    def action_run_all(self) -> None:
        """Run all that is left."""
        self._stay = False
        if not self._control.run_rest():
            self.notify("The run is at work already.", markup=False)

    def _neighbour(self, by: int) -> None:
        all_places = places(tuple(self._control.model.steps))
        if self.place in all_places:
            index = all_places.index(self.place) + by
            if 0 <= index < len(all_places):
                self._stay = True
                self.show(all_places[index], passing=True)

    def action_run_previous(self) -> None:
        """Look at the place before."""
        self._neighbour(-1)

    def action_run_next(self) -> None:
        """Look at the place after."""
        self._neighbour(1)

    def action_run_redo(self) -> None:
        """Do this step again, after a question."""
        from sagewizard.tui.screens.modals import Confirm

        step = self.place
        view = self._control.model.steps.get(step)
        if view is None or view.status not in ("done", "failed", "stopped"):
            self.notify("This step has not been done yet: Enter does it.", markup=False)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._control.redo_from(step)

        self.app.push_screen(
            Confirm(
                f"Do {TITLES.get(step, step)} again?",
                "What comes after it is out of date then and has to be done again, too.",
                "Do it again",
            ),
            answered,
        )

    def action_run_stop(self) -> None:
        """Stop the job on the target, after a question."""
        from sagewizard.tui.screens.modals import Confirm

        job = self._control.model.job_at_work()
        if job is None:
            self.notify("No job is running.", markup=False)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._control.stop_job(lambda name: self.notify(f"{name} is asked to stop.", markup=False))

        self.app.push_screen(
            Confirm("Stop the job?", f"{job.name} ends; what it has done so far is billed.", "Stop the job"),
            answered,
        )

    def action_run_detach(self) -> None:
        """Stop following; the job goes on."""
        if self._control.busy:
            self._control.detach()
            self.notify("Detached: the job goes on. Enter follows it again.", markup=False)

    def action_run_explain(self) -> None:
        """Read the idea behind this step."""
        from sagewizard.tui.screens.reading import ExplainScreen

        pane = self.pane
        if pane is not None:
            self.app.push_screen(ExplainScreen(pane.explain()))

    def _step_of_place(self) -> str:
        if self.place == "algorithm":
            return next((s for s in ("train", "tune") if s in self._control.steps), "")
        return self.place

    def action_run_code(self) -> None:
        """Show this step as Python."""
        from sagewizard.tui.screens.reading import CodeScreen

        self.app.push_screen(CodeScreen(self._control, self._step_of_place()))

    def action_run_calls(self) -> None:
        """Show the API calls of this step."""
        from sagewizard.tui.screens.reading import CallsScreen

        self.app.push_screen(CallsScreen(self._control.model, self._step_of_place()))

    def action_run_copy(self) -> None:
        """Copy the command."""
        self.app.copy(  # type: ignore[attr-defined]
            self._control.command(self._step_of_place()), "the command", "command.txt"
        )

    def action_run_log_size(self) -> None:
        """Change the size of the log."""
        place = LOG_SIZES.index(self._log_size)
        self.set_log_size(LOG_SIZES[(place + 1) % len(LOG_SIZES)])
        # What has gone from the screen cannot keep the focus.
        log, pane = self.query_one("#log", LogPane), self.pane
        if self._log_size == "whole":
            log.view.focus()
        elif self._log_size == "hidden" and pane is not None:
            pane.focus_first()

    def action_run_leave(self) -> None:
        """Go back to Home."""
        if self._control.busy and not self._control.recorded:
            self.notify("The run goes on; come back to it from the recent runs.", markup=False)
        self.app.action_app_home()  # type: ignore[attr-defined]  # the app is always ours
