"""Owns the train pane: status, its transitions, curves while training, epochs, throughput, seconds."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from rich.text import Text
from textual.content import Content
from textual.widgets import Static

from sagewizard.render.ink import Ink
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import StepPane
from sagewizard.tui.panes.switching import switch_tuning
from sagewizard.tui.whole import whole
from sagewizard.tui.words import dollars, duration

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from sagewizard.tui.model import RunModel
    from sagewizard.tui.views import JobView

CHARTS: Final = (
    ("loss by epoch", ("objective_loss",)),
    ("accuracy by epoch", ("binary_classification_accuracy", "multiclass_accuracy", "accuracy")),
)
"""Charts with a title of their own; any other metric has one under its name."""


Curve: TypeAlias = "tuple[str, list[tuple[int, float]]]"
"""A metric's name, and its value at each epoch."""
OFFER: Final = "t switches on the recipe's tuning, which searches for better settings."


class TrainPane(StepPane):
    """The training job as it happens."""

    KEYS_OF = "train"
    BINDINGS = bindings_for("train")
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.JOBS, t.METRICS, t.COST, t.STEPS, t.PROGRESS))

    def __init__(self, step: str, control: object) -> None:
        super().__init__(step, control)  # type: ignore[arg-type]
        self._chart = 0

    def compose_body(self) -> ComposeResult:
        """Yield transitions, figures, chart."""
        yield Static(id="train-status")
        yield Static(id="train-figures")
        yield Static(id="train-chart")
        yield Static(id="train-folds")
        yield Static(OFFER, id="train-offer")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Draw what has changed."""
        job = model.job("training-job")
        self.query_one("#train-status", Static).update(transitions(job))
        self.query_one("#train-figures", Static).update(self._figures(model, job))
        if topics & {t.METRICS, t.STEPS}:
            self.draw_chart()
            width = max(24, self.query_one(".pane-scroll").size.width - 2)
            folds = self.query_one("#train-folds", Static)
            folds.display = model.folds is not None
            folds.update(Text.from_ansi(folds_text(model, width)))

    def on_mount(self) -> None:
        """Count seconds while the job runs."""
        super().on_mount()
        self.set_interval(1.0, self._count)

    def _count(self) -> None:
        if self.view.status == "running" and whole(self):
            model = self.model
            self.query_one("#train-figures", Static).update(self._figures(model, model.job("training-job")))

    def on_resize(self, _event: events.Resize) -> None:
        """Draw the chart at its new size."""
        self.draw_chart()

    def _figures(self, model: RunModel, job: JobView | None) -> Content:
        if job is None:
            return Content("The job is about to be created.")
        parts = []
        epochs = max((len(metric.points) for metric in model.metrics.values()), default=0)
        wanted = str(self.view.options.get("epochs", ""))
        if epochs:
            early = job.status == "Completed" and wanted.isdigit() and epochs < int(wanted)
            parts.append(
                f"epoch {epochs}" + (f" of {wanted}" if wanted else "") + (", early stop" if early else "")
            )
        rate = next((m.last for name, m in model.metrics.items() if name.endswith("throughput")), None)
        if rate is not None:
            parts.append(f"{rate / 1e6:.1f} M records/s" if rate >= 1e6 else f"{rate:,.0f} records/s")
        now = self.control.clock.now()
        begun = job.transitions[0].at if job.transitions else None
        ended = job.transitions[-1].at if job.ended else now
        if begun is not None:
            parts.append(f"{duration(max(0.0, ended - begun))} elapsed")
        bill = model.billed("training-job")
        if bill is not None:
            parts.append(f"{bill.seconds:.0f} s billable ({dollars(bill.usd)})")
        return Content(" · ".join(parts))

    def action_train_tune(self) -> None:
        """Switch the tuning on, and show it when training is done."""
        if offers_tuning(self) and switch_tuning(self, on=True):
            if self.view.status == "done":
                self.go("tune")
        elif "tune" in self.control.steps:
            self.go("tune")
        elif not offers_tuning(self):
            self.app.notify("There is no tuning to switch on here.", markup=False)

    def _frame(self, model: RunModel) -> None:
        super()._frame(model)
        offer = self.query_one("#train-offer", Static)
        offer.display = offers_tuning(self) and not self.control.busy
        waiting = self.view.status == "waiting"
        for name in ("status", "figures", "chart", "folds"):
            self.query_one(f"#train-{name}").display = not waiting
        self.query_one(".pane-body").display = offer.display or not waiting

    def draw_chart(self) -> None:
        """Draw the curves that are chosen."""
        if not self.is_mounted or not self.query("#train-chart"):
            return
        model = self.model
        region = self.query_one(".pane-scroll").size
        width, height = max(24, region.width - 2), max(3, region.height - self._used())
        charts = charts_of(model, normalised=self._normalised())
        title, curves = charts[self._chart % len(charts)] if charts else ("", [])
        plain = bool(getattr(self.app, "colourless", False))
        drawn = chart(model, title, curves, width, height, colourless=plain)
        self.query_one("#train-chart", Static).update(Text.from_ansi(drawn))

    def _used(self) -> int:
        """Return the lines of the pane that are not the chart's rows: all is to be seen without scrolling."""
        above = 1 + 1 + 1  # title, outcome, the gap before the body
        figures = sum(max(1, self.query_one(f"#train-{name}").size.height) for name in ("status", "figures"))
        # The chart's own title, axis, figures below it and legend.
        offer = 2 if offers_tuning(self) and not self.control.busy else 0
        return above + figures + 4 + offer

    def action_train_chart(self) -> None:
        """Change which curves are drawn."""
        self._chart = (self._chart + 1) % max(1, len(charts_of(self.model)))
        self.draw_chart()

    def offers(self, key_id: str) -> bool:
        """Offer other curves only where there are some."""
        return super().offers(key_id) and (key_id != "train.chart" or len(charts_of(self.model)) > 1)

    def _normalised(self) -> bool:
        """Whether the loss in training is that of normalised labels: Linear Learner's way with numbers."""
        recipe = self.control.recipe
        return recipe is not None and recipe.algorithm.name == "linear-learner" and recipe.task == "regressor"


def offers_tuning(pane: StepPane) -> bool:
    """Whether the recipe has a tuning that is left out so far, and could still be done."""
    recipe = pane.control.recipe
    return (
        recipe is not None
        and "tune" in recipe.all_steps
        and "tune" not in recipe.steps
        and pane.model.step("deploy").status == "waiting"
        and not pane.control.recorded
    )


def transitions(job: JobView | None) -> Content:
    """Return the statuses in their order, the newest marked: `Starting ✓ Training ▶ ...`."""
    if job is None or not job.transitions:
        return Content("")
    parts: list[Content] = []
    last = len(job.transitions) - 1
    for number, step in enumerate(job.transitions):
        word = step.secondary or step.status
        if number < last:
            took = max(0.0, job.transitions[number + 1].at - step.at)
            tail = f" {duration(took)}" if took >= 1 else ""
            parts.append(Content.assemble((f"✓ {word}{tail}", "$text-success")))
        elif job.status == "Failed":
            parts.append(Content.assemble((f"✗ {word}", "bold $text-error")))
        elif job.ended or job.status == "InService":
            parts.append(Content.assemble((f"✓ {word}", "bold $text-success")))
        else:
            parts.append(Content.assemble((f"▶ {word}", "bold $text-accent")))
    line = Content(" ").join(parts)
    message = job.transitions[-1].message
    # What went well needs no further words.
    tell = message and job.status not in ("Completed", "InService", "Deleted")
    return Content("\n").join([line, Content(message)]) if tell else line


def folds_text(model: RunModel, width: int) -> str:
    """Return what a cross-validation found, "" without one."""
    from sagewizard.render import folds

    event = model.folds
    if event is None:
        return ""
    head = f"Cross-validation: {event.folds} folds, {event.billable_seconds} s billed"
    head += f" ({dollars(event.usd)})" if event.usd is not None else ""
    return f"\n{head}\n{folds(event, ink=Ink(width=width))}"


def series_of(model: RunModel, names: tuple[str, ...]) -> list[Curve]:
    """Return the curves of a chart: metrics with at least one point whose name ends in one of `names`."""
    return [
        (name, metric.points)
        for name, metric in model.metrics.items()
        if metric.points and name.split(":")[-1] in names
    ]


def charts_of(model: RunModel, *, normalised: bool = False) -> list[tuple[str, list[Curve]]]:
    """Return the charts that there are, titles and curves; what is on another scale has a chart of its own.

    Two curves on one axis are read as comparable. The loss of normalised labels and that of the labels
    themselves are thousandfold apart, and one of them would be drawn as a line along the floor. The title of
    each of several charts says which one `v` shows next.
    """
    known = {suffix for _title, listed in CHARTS for suffix in listed}
    suffixes = dict.fromkeys(name.split(":")[-1] for name, metric in model.metrics.items() if metric.points)
    others = [(f"{one} by epoch", (one,)) for one in suffixes if one not in known and one != "throughput"]
    found: list[tuple[str, str, list[Curve]]] = []
    for title, names in (*CHARTS, *others):
        groups: list[list[Curve]] = []
        # What validation says is what counts: it comes first.
        for curve in sorted(series_of(model, names), key=lambda one: not one[0].startswith("validation")):
            near = (group for group in groups if _alike(group[0], curve))
            home = next(near, None)
            if home is None:
                groups.append([curve])
            else:
                home.append(curve)
        for number, group in enumerate(groups):
            parts = sorted({name.split(":")[0] for name, _points in group})
            whose = f"{' and '.join(parts)} " if len(groups) > 1 else ""
            note = ", of normalised labels" if normalised and number else ""
            found.append((whose + title, note, sorted(group)))
    if len(found) < 2:
        return [(title + note, curves) for title, note, curves in found]
    following = [title.removesuffix(" by epoch") for title, _note, _curves in [*found[1:], found[0]]]
    return [
        (f"{title}{note} · v: {after}", curves)
        for (title, note, curves), after in zip(found, following, strict=True)
    ]


def _alike(one: Curve, other: Curve) -> bool:
    """Whether two curves can share an axis: their middles are less than 20-fold apart."""
    middles = sorted(median(abs(value) for _epoch, value in points) for _name, points in (one, other))
    return middles[1] <= 20 * middles[0] or middles[1] < 1.0


def chart(
    model: RunModel, title: str, curves: list[Curve], width: int, height: int, *, colourless: bool
) -> str:
    """Return the chart as text; before the first epoch it says what will be there."""
    from sagewizard.render.chart import Series, line_chart

    if not curves:
        if model.step("train").status == "done":
            return finals_text(model)
        return "The curves appear with the first epoch."
    ink = Ink(width=width, color="none" if colourless else "16", unicode=True)
    series = [
        Series(name, [float(epoch) + 1 for epoch, _value in points], [value for _epoch, value in points])
        for name, points in curves
    ]
    return line_chart(series, ink=ink, height=height, title=title, x_name="epoch")


def finals_text(model: RunModel) -> str:
    """Return the figures at the end of a training without curves, below each other."""
    found = {
        name: metric.last
        for name, metric in model.metrics.items()
        # How far it is and how fast stand above.
        if metric.last is not None and name.split(":")[-1] not in ("progress", "throughput")
    }
    if not found:
        return "It reports no figures."
    width = max(len(name) for name in found)
    lines = [f"{name:<{width}}  {value:.5g}" for name, value in found.items()]
    return "\n".join(["This training reports no curve, only figures at its end:", *lines])
