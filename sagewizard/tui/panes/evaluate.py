"""Owns the evaluate pane: matrix, measures, curves and mistakes, which all follow the threshold at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal
from textual.widgets import Static

from sagewizard.render.cells import clean
from sagewizard.render.metrics import metric_name
from sagewizard.render.units import number
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.desk import DeskPane, desk_of
from sagewizard.tui.panes.train import folds_text
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.curve import CurveView
from sagewizard.tui.widgets.heatmap import HeatMap
from sagewizard.tui.widgets.mistakes import MistakePager
from sagewizard.tui.widgets.outcomes import clusters_text, residuals_text, thresholds_text
from sagewizard.tui.widgets.scores import bar, gauge

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.engine.results import Results
    from sagewizard.errors import SageWizardError
    from sagewizard.evaluation import Curve, ThresholdSweep
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel

WIDE = 100
"""Columns from which measures have bars."""
BESIDE = 90
"""Columns of the pane from which the scatter of a regression's errors stands beside their histogram."""
MEASURES = 50
"""Columns of the measures and the histogram where the scatter stands beside them, its gap included."""
STEP = 0.05
"""How far shift and an arrow move the threshold."""
SHOWN = ("accuracy", "precision", "recall", "f1", "mcc", "roc_auc", "pr_auc")
SHOWN_MANY = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "mcc", "top_k_accuracy")
_OF_THRESHOLD = {f"evaluate_{verb}" for verb in ("much_lower", "much_higher", "model", "best")}
_OF_CLASSES = {f"evaluate_{verb}" for verb in ("lower", "higher", "curve")}
_OF_MISTAKES = {"evaluate_next", "evaluate_previous"}


class EvaluatePane(DeskPane):
    """Reads the stored outcome in a worker once; a key press only looks up four counts."""

    KEYS_OF = "evaluate"
    BINDINGS = bindings_for("evaluate")
    TOPICS = frozenset((t.RUN, t.STEPS, t.EVALUATION))

    def __init__(self, step: str, control: RunControl) -> None:
        super().__init__(step, control)
        self.results: Results | None = None
        self.sweep: ThresholdSweep | None = None
        self.threshold = 0.0
        self.curve = "roc"
        self.chosen = 1
        """The class whose curves are drawn, when there are several."""
        self.curves: tuple[Curve, Curve] | None = None
        self._read_for = ""

    def compose_body(self) -> ComposeResult:
        """Lay out threshold, matrix, measures, curve and mistakes."""
        yield Static(id="evaluate-clusters")
        yield Static(id="evaluate-threshold")
        with Horizontal(id="evaluate-top"):
            yield HeatMap(id="evaluate-matrix")
            yield Static(id="evaluate-measures")
            yield Static(id="evaluate-residuals")
        yield CurveView(id="evaluate-curve", rows=9)
        yield Static(id="evaluate-thresholds")
        yield Static(id="evaluate-folds")
        yield MistakePager(id="evaluate-mistakes")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Read the outcome again when there is another one."""
        desk = desk_of(self.control)
        if self.view.status != "done" or desk is None or model.evaluation is None:
            return
        key = f"{model.run_id} {model.evaluation.sequence}"
        if self._read_for != key:
            self._read_for = key
            if self.results is None:
                self.query_one("#evaluate-clusters", Static).update(Text("Reading the results.", "dim"))
            self.control.call(desk.results, self._take, self._failed)
        self.read_rows(self._rows_ready)

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a threshold only where there is one, curves only of classes, mistakes only of predictions."""
        if self.results is not None:
            kind = self.results.kind
            if action in _OF_THRESHOLD and self.sweep is None:
                return False
            if action in _OF_CLASSES and kind in ("regressor", "clustering"):
                return False
            if action in _OF_MISTAKES and kind == "clustering":
                return False
        return super().check_action(action, parameters)

    def action_evaluate_lower(self) -> None:
        """Call one more row positive; with several classes, show the curves of the class before."""
        self._move(-1)

    def action_evaluate_higher(self) -> None:
        """Call one row less positive; with several classes, show the curves of the next class."""
        self._move(1)

    def action_evaluate_much_lower(self) -> None:
        """Lower the threshold by a step."""
        self._jump(-STEP)

    def action_evaluate_much_higher(self) -> None:
        """Raise the threshold by a step."""
        self._jump(STEP)

    def action_evaluate_model(self) -> None:
        """Go back to the model's own threshold."""
        if self.results is not None and self.sweep is not None:
            self._set(self.results.cut)

    def action_evaluate_best(self) -> None:
        """Go to the best F1."""
        from sagewizard.errors import UsageError

        if self.sweep is None:
            return
        try:
            self._set(self.sweep.best("f_beta").threshold)
        except UsageError as error:
            self.refused(error)

    def action_evaluate_curve(self) -> None:
        """Change between ROC and precision-recall."""
        self.curve = "pr" if self.curve == "roc" else "roc"
        self._draw_curve(fresh=True)

    def action_evaluate_next(self) -> None:
        """Show the next mistakes."""
        self.query_one(MistakePager).turn(1)

    def action_evaluate_previous(self) -> None:
        """Show the mistakes before."""
        self.query_one(MistakePager).turn(-1)

    # Inside

    def _take(self, results: Results) -> None:
        self.results = results
        self.sweep = None
        self.curves = None
        if results.kind == "binary_classifier":
            self.sweep = results.sweep()
            self.threshold = results.cut
            self.chosen = 1
        else:
            self.chosen = 0
            self.threshold = 0.0
        if not whole(self):
            return
        redraw = getattr(self.screen, "redraw_keys", None)
        if redraw is not None:  # which keys work depends on what was predicted
            redraw()
        self.query_one("#evaluate-top").set_class(self.sweep is None, "-many")
        self._read_curves()
        self._draw()

    def _failed(self, error: SageWizardError) -> None:
        if whole(self):
            self.query_one("#evaluate-clusters", Static).update("")
            self.query_one("#evaluate-measures", Static).update(Text(f"· {error.message} {error.remedy}"))

    def _rows_ready(self) -> None:
        rows = self.rows
        if rows is not None and whole(self):
            self.query_one(MistakePager).rows(
                self.values_of, self.label_of, rows.columns, self.shape, self.full_ink()
            )

    def _read_curves(self) -> None:
        """Draw the curves of the class chosen; those of several classes are made in a worker."""
        results, chosen = self.results, self.chosen
        self.curves = None
        if results is None or results.kind in ("regressor", "clustering"):
            self._draw_curve(fresh=True)
            return

        def made(curves: tuple[Curve, Curve]) -> None:
            if (self.results, self.chosen) == (results, chosen) and whole(self):
                self.curves = curves
                self._draw_curve(fresh=True)

        self.control.call(
            lambda: results.class_curves(chosen), made, lambda _error: self._draw_curve(fresh=True)
        )

    def _move(self, by: int) -> None:
        if self.sweep is not None:
            self._set(self.sweep.step(self.threshold, by))
        elif self.results is not None and self.results.classes:
            self.chosen = (self.chosen + by) % len(self.results.classes)
            self._read_curves()

    def _jump(self, by: float) -> None:
        if self.sweep is None:
            return
        low, high = float(self.sweep.thresholds[0]), float(self.sweep.thresholds[-1])
        self._set(min(max(self.threshold + by, low), high))

    def _set(self, threshold: float) -> None:
        self.threshold = threshold
        self._draw()

    def _draw(self) -> None:
        results = self.results
        if results is None or not whole(self):
            return
        matrix = self.sweep.matrix(self.threshold) if self.sweep is not None else results.confusion
        heat = self.query_one(HeatMap)
        heat.display = matrix is not None
        heat.show(matrix)
        self._draw_tables()
        self._draw_threshold()
        self._draw_measures()
        self._draw_curve()
        pager = self.query_one(MistakePager)
        if self.sweep is not None:
            pager.show(results.mistakes_at(self.threshold))
        elif results.kind == "regressor" or results.scores.shape[1] == len(results.classes) > 0:
            pager.show(results.mistakes(), regression=results.kind == "regressor")
        else:  # what has no right and wrong, such as clusters
            pager.display = False

    def on_resize(self) -> None:
        """Fit tables and plots to the new width."""
        if self.results is not None:
            self._draw_tables()

    def _draw_tables(self) -> None:
        """Draw what does not move with the threshold: clusters, residuals, thresholds side by side, folds."""
        results, model = self.results, self.model
        if results is None or not whole(self):
            return
        width = max(30, self.query_one(".pane-scroll").size.width - 2)
        plain = bool(getattr(self.app, "colourless", False))
        beside = results.kind == "regressor" and width >= BESIDE
        self.query_one("#evaluate-top").set_class(beside, "-beside")
        texts = {
            "clusters": clusters_text(model.clusters, width) if results.kind == "clustering" else Text(""),
            "residuals": residuals_text(results, width - MEASURES if beside else width, plain=plain),
            "thresholds": thresholds_text(model.thresholds, width),
            "folds": Text.from_ansi(folds_text(model, width)),
        }
        for name, text in texts.items():
            widget = self.query_one(f"#evaluate-{name}", Static)
            widget.display = bool(text.plain)
            widget.update(text)

    def _draw_threshold(self) -> None:
        widget = self.query_one("#evaluate-threshold", Static)
        results, sweep = self.results, self.sweep
        assert results is not None, "drawn only when there are results"
        widget.display = sweep is not None
        if sweep is None:
            return
        own = results.cut
        recipe = self.control.recipe
        asked = recipe is not None and recipe.threshold is not None
        whose = "recipe's" if asked else "model's"
        said = f"the {whose}" if asked else f"the {whose} own"
        if self.threshold != own:
            said = f"the {whose} {number(own)}"
        line = Text(f"Threshold {number(self.threshold)}", "bold")
        line.append(f" ({said}) ", "not bold")
        if 0 <= self.threshold <= 1:
            line.append(gauge(self.threshold, own, 20), "not bold")
        line.append(f"\n← → one row · shift 0.05 · m {whose} · b best F1", "dim not bold")
        widget.update(line)

    def _draw_measures(self) -> None:
        results = self.results
        assert results is not None, "drawn only when there are results"
        scores = dict(results.metrics.scores())
        stored = dict(scores)
        if self.sweep is not None:
            scores |= self.sweep.measures(self.threshold)
        many = results.kind == "multiclass_classifier"
        names = [n for n in (SHOWN_MANY if many else SHOWN) if n in scores] or list(scores)
        if (
            many
        ):  # an answer without a score for each class has no top-k accuracy: a line about it helps nobody
            names = [n for n in names if scores[n] is not None]
        width = max(len(metric_name(name)) for name in names)
        roomy = self.app.size.width >= WIDE
        lines = []
        for name in names:
            value, before = scores[name], stored.get(name)
            line = Text(f"{metric_name(name):<{width}}  {number(value):>6}")
            if roomy and value is not None and name not in ("rmse", "mae", "r2", "mape", "mcc"):
                line.append(f"  {bar(value, 10)}")
            if (
                self.sweep is not None
                and value is not None
                and before is not None
                and abs(value - before) > 5e-5
            ):
                line.append(f" {'▲' if value > before else '▼'}{abs(value - before):.4f}")
            lines.append(line)
        notes = results.metrics.notes
        lines += [
            Text(f"{metric_name(name)}: {clean(note)}", "dim")
            for name, note in notes.items()
            if name in names
        ]
        if results.kind == "regressor":
            lines += self._residuals()
        self.query_one("#evaluate-measures", Static).update(Text("\n").join(lines))

    def _residuals(self) -> list[Text]:
        """Return a histogram of the errors: true minus predicted, as in the scatter."""
        import numpy as np

        results = self.results
        assert results is not None, "drawn only when there are results"
        errors = results.expected - results.predicted
        bins, edges = np.histogram(errors, bins=9)
        most = max(int(bins.max()), 1)
        lines = [Text("\nResiduals by size: how many rows", "bold")]
        for size, low, high in zip(bins.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            line = Text(
                f"{number(low, 1):>10} to {number(high, 1):>10}  {'█' * round(size / most * 16)} {size}"
            )
            lines.append(line)
        return lines

    def _draw_curve(self, *, fresh: bool = False) -> None:
        if not whole(self):
            return
        view, results = self.query_one(CurveView), self.results
        view.display = self.curves is not None
        if self.curves is None or results is None:
            return
        curve = self.curves[0 if self.curve == "roc" else 1]
        point: tuple[float, float] | None = None
        if self.sweep is not None:
            tp, fp, fn, tn = self.sweep.counts(self.threshold)
            recall = tp / (tp + fn) if tp + fn else 0.0
            if self.curve == "roc":
                point = (fp / (fp + tn) if fp + tn else 0.0, recall)
            else:
                point = (recall, tp / (tp + fp) if tp + fp else 1.0)
        if fresh or view.curve is not curve:
            note = "v shows the precision-recall curve" if self.curve == "roc" else "v shows the ROC curve"
            if self.sweep is None:
                note = f"{clean(results.classes[self.chosen])} against the rest; ← → others, {note}"
            view.show(curve, point, note=note)
        else:
            view.mark(point)
