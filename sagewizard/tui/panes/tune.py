"""Owns the tune pane: what a tuning takes before it starts, its jobs live, the best, and going on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.content import Content
from textual.widgets import Static

from sagewizard.render.ink import Ink
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import Action, StepPane, introduction
from sagewizard.tui.panes.switching import switch_tuning
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.trials import best_text, panels, plan_text

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from sagewizard.engine.tuning_plan import TuningPlan
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel


class TunePane(StepPane):
    """The tuning job as it happens, from `RunModel.tuning`; before it, the plan of the settings in force."""

    KEYS_OF = "tune"
    BINDINGS = bindings_for("tune")
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.TUNING, t.JOBS, t.STEPS, t.OPTIONS))
    BODY_BEFORE = True

    def __init__(self, step: str, control: RunControl) -> None:
        super().__init__(step, control)
        self._by_objective = False
        self._planned_for: object = None
        self.plan: TuningPlan | None = None
        """What the settings in force take; None until it has been worked out, or when they cannot be."""

    def compose_body(self) -> ComposeResult:
        """Yield plan, best, chart, table, panels."""
        yield Static(id="tune-plan")
        yield Static(id="tune-best")
        yield Static(id="tune-chart")
        yield Static(id="tune-table")
        yield Static(id="tune-panels")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Draw the plan while the step waits, else the jobs."""
        before = not model.tuning.trials
        self.query_one("#tune-plan").display = before
        for name in ("best", "chart", "table", "panels"):
            self.query_one(f"#tune-{name}").display = not before
        if before:
            self._work_out()
        else:
            self._draw(model)

    def own_action(self) -> Action | None:
        """Go on with the best job once the tuning is over."""
        if self.view.status == "done" and "deploy" in self.model.steps and not self.control.busy:
            best = self.model.tuning.best
            name = f"job {best.number}" if best is not None else "the best job"
            if self.model.step("deploy").status == "waiting":
                return Action(f"Deploy the model of {name}, the best", self._deploy)
        return None

    def on_resize(self, _event: events.Resize) -> None:
        """Draw charts at their new size."""
        if self._ready and self.model.tuning.trials:
            self._draw(self.model)

    def action_tune_sort(self) -> None:
        """Sort by order or by objective."""
        self._by_objective = not self._by_objective
        self.refresh_body(self.model, {t.TUNING})

    def action_tune_deploy(self) -> None:
        """Go on with the best job."""
        action = self.own_action()
        if action is None:
            self.app.notify("The best job can be deployed once the tuning is over.", markup=False)
            return
        action.run()

    def action_tune_off(self) -> None:
        """Leave the tuning out."""
        if switch_tuning(self, on=False):
            self.go("train" if "train" in self.control.steps else "algorithm")

    # Inside

    def _frame(self, model: RunModel) -> None:
        super()._frame(model)
        view, intro = self.view, self.query_one(".pane-intro", Static)
        intro.display = view.status == "waiting" and view.text is not None
        if intro.display and view.text is not None:
            intro.update(introduction(view.text.what, view.text.expect, ""))

    def _deploy(self) -> None:
        self.go("deploy")
        self.control.start_step("deploy")

    def _draw(self, model: RunModel) -> None:
        from sagewizard.render.tuning import objective_chart, trial_table

        tuning = model.tuning
        goal = "Maximize" if tuning.maximize else "Minimize"
        trials = list(tuning.trials.values())
        width = max(24, self.query_one(".pane-scroll").size.width - 2)
        ink = Ink("none" if getattr(self.app, "colourless", False) else "16", True, width)
        ranges = tuning.plan.ranges if tuning.plan is not None else {}
        self.query_one("#tune-best", Static).update(best_text(tuning))
        chart = objective_chart(trials, tuning.objective_name, goal, ink=ink, height=6)
        waiting = "The chart begins with the second job that has an objective.\n"
        self.query_one("#tune-chart", Static).update(Text.from_ansi(chart or waiting))
        table = trial_table(
            trials, tuning.objective_name, best=tuning.best_name, ink=ink,
            goal=goal if self._by_objective else "",
        )  # fmt: skip
        order = "by objective, the best first" if self._by_objective else "in the order of their creation"
        self.query_one("#tune-table", Static).update(
            Text.assemble((f"Jobs, {order}", "bold"), "   v sorts\n", Text.from_ansi(table))
        )
        self.query_one("#tune-panels", Static).update(
            Text.from_ansi(panels(trials, tuning.objective_name, tuning.best_name, width, ranges=ranges))
        )

    def _work_out(self) -> None:
        """Work out what the settings in force take, in a worker; the plan that was announced goes first."""
        announced = self.model.tuning.plan
        if announced is not None:
            self.query_one("#tune-plan", Static).update(
                plan_text(announced, simulated=announced.simulated, seconds_here=announced.seconds_here)
            )
            return
        recipe, control = self.control.recipe, self.control
        key = (recipe.settings if recipe else None, self.model.step("train").seconds)
        if recipe is None or key == self._planned_for:
            return
        self._planned_for = key
        simulated, trained = self.model.simulated, self.model.step("train").seconds

        def work() -> TuningPlan:
            from sagewizard.engine.tuning_plan import plan_of

            if simulated:
                from sagewizard.targets import table_prices

                return plan_of(recipe, *table_prices())
            target = control.engine().target
            return plan_of(recipe, target.prices, target.region)

        def done(plan: TuningPlan) -> None:
            if whole(self) and key == self._planned_for:
                self.plan = plan
                here = trained * plan.tuning.waves if simulated and trained is not None else None
                self.query_one("#tune-plan", Static).update(
                    plan_text(plan, simulated=simulated, seconds_here=here)
                )

        def refused(error: SageWizardError) -> None:
            if whole(self):
                self.plan = None
                self.query_one("#tune-plan", Static).update(Content(f"✗ {error.message} {error.remedy}"))

        control.call(work, done, refused)
