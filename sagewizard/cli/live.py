"""Shows a run as it happens on stderr: redrawn in place on a terminal, line by line anywhere else.

What is finished scrolls up and stays; the step at work is a small block at the bottom: its title and text,
the job's status, its newest metrics, the last log lines, the steps to come, and the bill.
"""

from __future__ import annotations

import textwrap
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard import tuning_events as tv
from sagewizard.cli.terminal import Console, amount, wrap
from sagewizard.i18n import _
from sagewizard.outcome_events import CrossValidated, DeletionScheduled, Noted
from sagewizard.render.cells import clean, cut
from sagewizard.render.units import clock_time, duration, hourly, money

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewizard.render.ink import Style

# Ten drawings a second are enough for the eye, and leave a slow terminal time to breathe.
SECONDS_BETWEEN = 0.1
LOG_LINES = 4
LONGEST_REPLY = 400


class LiveView:
    """Takes events one after the other; `close` leaves the terminal as a person expects it."""

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        instructor: bool = False,
        mark: str = "",
        moment: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show on a console; a recorded run has a `mark` in place of its target, and `moment`s of its own."""
        self.console = console
        self._mark = mark
        self._moment = moment
        self._quiet = quiet
        self._instructor = instructor
        self._inplace = console.movable
        self._drawn = 0
        self._last = 0.0
        self._steps: tuple[str, ...] = ()
        self._titles: dict[str, str] = {}
        self._current: ev.StepStarted | None = None
        self._began = 0.0
        self._job = ""
        self._metrics: dict[str, float] = {}
        self._epoch: int | None = None
        self._progress = ""
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._cost: ev.CostChanged | None = None
        self._start: ev.RunStarted | None = None
        self._handlers: dict[type[ev.Event], Callable[..., None]] = {
            ev.RunStarted: self._run_started,
            ev.StepStarted: self._step_started,
            ev.StepSkipped: self._step_skipped,
            ev.StepProgressed: self._step_progressed,
            ev.StepFinished: self._step_finished,
            ev.DatasetLoaded: self._dataset_loaded,
            ev.PreviewMade: self._preview_made,
            ev.ResourceCreated: self._resource_created,
            ev.ResourceDeleted: self._resource_deleted,
            ev.ResourceDeletionFailed: self._deletion_failed,
            ev.JobStatusChanged: self._status_changed,
            ev.LogLines: self._log_lines,
            ev.MetricReported: self._metric_reported,
            ev.CostChanged: self._cost_changed,
            ev.PredictionMade: self._prediction_made,
            ev.Warned: self._warned,
            tv.TuningPlanned: self._tuning_planned,
            tv.TrialReported: self._trial_reported,
            Noted: self._noted,
            DeletionScheduled: self._deletion_scheduled,
            CrossValidated: self._cross_validated,
        }

    def show(self, event: ev.Event) -> None:
        """Take one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
        if self._inplace and not self._quiet:
            now = time.monotonic()
            if now - self._last >= SECONDS_BETWEEN:
                self._last = now
                self._draw()

    def close(self) -> None:
        """Take the block away; what scrolled up stays."""
        self._erase()
        self.console.stream.flush()

    def say(self, text: str, style: Style | None = None) -> None:
        """Write a line that stays; on a terminal it breaks between words."""
        if self._quiet:
            return
        self._erase()
        lines = [text]
        if self.console.terminal and "\x1b" not in text:
            columns, _rows = self.console.size()
            indent = " " * (len(text) - len(text.lstrip()) + 2)
            lines = textwrap.wrap(text, columns - 1, subsequent_indent=indent, break_on_hyphens=False) or [""]
        for line in lines:
            self.console.line(line, style)

    # What stays

    def _run_started(self, event: ev.RunStarted) -> None:
        self._start = event
        self._steps = event.steps
        words = (
            _("Run {run} goes on on {target}, {region}.")
            if event.resumed
            else _("Run {run} starts on {target}, {region}.")
        )
        line = words.format(run=event.run_id, target=event.target, region=event.region)
        self.say(event.title, "bold")
        self.say(f"{line} {_('Nothing here is billed.')}" if event.simulated else line)

    def _step_started(self, event: ev.StepStarted) -> None:
        self._current, self._began = event, self._moment()
        self._titles[event.step] = event.text.title
        self._job, self._progress, self._epoch = "", "", None
        self._metrics.clear()
        self._log.clear()
        if not self._inplace:
            place = f"{self.console.glyph('running')} {event.number}/{event.total}"
            self.say(f"{place} {event.text.title}: {_('running')}")
            for line in wrap(event.text.what, 100, "    "):
                self.say(line)
        self._lesson(_("A question"), event.text.question)
        if self._instructor:
            self._lesson(_("For the instructor"), event.text.instructor)

    def _step_finished(self, event: ev.StepFinished) -> None:
        number = self._current.number if self._current else 0
        total = self._current.total if self._current else 0
        title = self._titles.get(event.step, event.step)
        took = _("done in {time}").format(time=duration(event.seconds))
        place = f"{self.console.glyph('done')} {number}/{total}"
        self.say(f"{place} {title}: {took}. {clean(event.summary)}", "good")
        if self._current is not None:
            self._lesson(_("The answer"), self._current.text.answer)
        self._current = None

    def _lesson(self, title: str, text: str) -> None:
        if text:
            columns = min(self.console.size()[0], 101) - 1
            for line in wrap(f"{title}: {text}", columns, "    "):
                self.say(line)

    def _step_skipped(self, event: ev.StepSkipped) -> None:
        place = f"{self.console.glyph('skipped')} {event.number}/{event.total}"
        self.say(f"{place} {event.step}: {_('skipped, {reason}').format(reason=event.reason)}")

    def _dataset_loaded(self, event: ev.DatasetLoaded) -> None:
        rows = ", ".join(f"{count:,} {split}" for split, count in event.rows.items())
        words = _("{dataset} from {source}: {rows} rows of {columns} columns")
        text = words.format(dataset=event.dataset, source=event.source, rows=rows, columns=event.features)
        self.say(f"    {text}")

    def _preview_made(self, event: ev.PreviewMade) -> None:
        from sagewizard.cli.pictures import preview_lines

        if self._quiet:
            return
        self._erase()
        columns, _rows = self.console.size()
        for line in preview_lines(event, replace(self.console.ink, width=columns - 4)):
            self.console.line(f"    {line}")

    def _resource_created(self, event: ev.ResourceCreated) -> None:
        words = _("{kind} {name} found again") if event.adopted else _("{kind} {name} created")
        text = words.format(kind=event.resource, name=event.name)
        self.say(f"    {text}, {hourly(event.hourly_usd)}" if event.hourly_usd else f"    {text}")

    def _resource_deleted(self, event: ev.ResourceDeleted) -> None:
        self.say(f"    {_('{kind} {name} is gone').format(kind=event.resource, name=event.name)}")

    def _deletion_failed(self, event: ev.ResourceDeletionFailed) -> None:
        price = f", {hourly(event.hourly_usd)}" if event.hourly_usd else ""
        text = _("{kind} {name} is still there{price}: {reason}").format(
            kind=event.resource, name=event.name, price=price, reason=clean(event.message)
        )
        self.say(f"    {self.console.glyph('warning')} {text}", "warn")

    def _status_changed(self, event: ev.JobStatusChanged) -> None:
        dot = self.console.glyph("dot")
        detail = f" {dot} {event.secondary_status}" if event.secondary_status else ""
        text = f"{event.resource}: {event.status}{detail}"
        if event.message:
            text += f"  {clean(event.message)}"
        self._job = text
        if not self._inplace:
            self.say(f"    {text}")

    def _prediction_made(self, event: ev.PredictionMade) -> None:
        columns, _rows = self.console.size()
        unicode = self.console.ink.unicode
        # A row of 784 pixels is cut, the answer is what one wants to read.
        request = cut(clean(event.request.strip()), columns - 16, unicode=unicode)
        response = cut(clean(event.response.strip()), LONGEST_REPLY, unicode=unicode)
        self.say(f"    {_('sent')}      {request}")
        self.say(f"    {_('received')}  {response}")
        if not event.graded:
            words = _("test row {row}: {expected} in the data, {predicted} by the model, in {time} ms")
        elif event.correct:
            words = _("test row {row}: expected {expected}, predicted {predicted}: right, in {time} ms")
        else:
            words = _("test row {row}: expected {expected}, predicted {predicted}: wrong, in {time} ms")
        text = words.format(
            row=event.row, expected=event.expected, predicted=event.predicted,
            time=f"{event.seconds * 1000:.0f}",
        )  # fmt: skip
        self.say(f"    {text}")

    def _warned(self, event: ev.Warned) -> None:
        self.say(f"    {self.console.glyph('warning')} {clean(event.message)}", "warn")

    def _noted(self, event: Noted) -> None:
        self.say(f"    {clean(event.message)}")

    def _deletion_scheduled(self, event: DeletionScheduled) -> None:
        words = _("{name} deletes itself at {time} unless it is used before")
        self.say(f"    {words.format(name=event.endpoint, time=clock_time(event.at))}")

    def _cross_validated(self, event: CrossValidated) -> None:
        from sagewizard.cli.report import fold_lines

        for line in fold_lines(event, self.console.ink):
            self.say(f"    {line}")

    def _tuning_planned(self, event: tv.TuningPlanned) -> None:
        from sagewizard.cli.tuning import plan_lines

        for line in plan_lines(event):
            self.say(f"    {line}")

    def _trial_reported(self, event: tv.TrialReported) -> None:
        from sagewizard.cli.tuning import trial_line

        if event.trial.over:
            text, bad = trial_line(event)
            self.say(f"    {text}", "warn" if bad else None)

    # What changes in the block

    def _step_progressed(self, event: ev.StepProgressed) -> None:
        text = event.message
        if event.total:
            share = min(1.0, event.done / event.total)
            filled = round(share * 20)
            bar = self.console.glyph("full") * filled + self.console.glyph("empty") * (20 - filled)
            text += (
                f"  {bar} {share:4.0%}  {amount(event.done, event.unit)} of {amount(event.total, event.unit)}"
            )
        self._progress = clean(text)

    def _log_lines(self, event: ev.LogLines) -> None:
        self._log.extend(clean(line) for line in event.lines[-LOG_LINES:])

    def _metric_reported(self, event: ev.MetricReported) -> None:
        if self._current is not None and self._current.step == "tune":
            return  # several jobs report at once: their objectives say more
        if event.epoch is not None:
            self._epoch = event.epoch
        self._metrics[event.name] = event.value

    def _cost_changed(self, event: ev.CostChanged) -> None:
        self._cost = event

    # Drawing

    def _erase(self) -> None:
        if self._drawn:
            self.console.stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _draw(self) -> None:
        lines = self._block()
        columns, rows = self.console.size()
        ink = self.console.ink
        lines = lines[: max(1, rows - 2)]
        out = [
            "\x1b[2K" + ink.paint(cut(text, columns - 1, unicode=ink.unicode), style) + "\n"
            for text, style in lines
        ]
        back = f"\x1b[{self._drawn}A" if self._drawn else ""
        rest = "\x1b[J" if self._drawn > len(lines) else ""
        self.console.stream.write(back + "".join(out) + rest)
        self.console.stream.flush()
        self._drawn = len(lines)

    def _block(self) -> list[tuple[str, Style | None]]:
        columns, rows = self.console.size()
        block: list[tuple[str, Style | None]] = []
        step = self._current
        if step is not None:
            passed = duration(max(0.0, self._moment() - self._began))
            place = f"{step.number}/{step.total}"
            block.append(
                (
                    f"{self.console.glyph('running')} {place} {step.text.title}: {_('running')}, {passed}",
                    "bold",
                )
            )
            if rows >= 18:
                block += [(line, "dim") for line in wrap(step.text.what, columns - 1, "  ")[:5]]
        for text in (self._job, self._metric_line(), self._progress):
            if text:
                block.append((f"  {text}", None))
        bar = self.console.glyph("bar")
        block += [(f"  {bar} {line}", "dim") for line in self._log]
        ahead = self._ahead()
        if ahead:
            block.append((ahead, "dim"))
        block.append((self._bill(), None))
        return block

    def _metric_line(self) -> str:
        shown = []
        for name, title in (
            ("validation:binary_classification_accuracy", _("validation accuracy")),
            ("validation:multiclass_accuracy", _("validation accuracy")),
            ("validation:objective_loss", _("validation loss")),
            ("train:objective_loss", _("training loss")),
        ):
            if name in self._metrics:
                shown.append(f"{title} {self._metrics[name]:.4f}")
        if self._epoch is not None:
            shown.insert(0, _("epoch {number}").format(number=self._epoch + 1))
        return f" {self.console.glyph('dot')} ".join(shown)

    def _ahead(self) -> str:
        if self._current is None:
            return ""
        coming = self._steps[self._current.number :]
        dot = self.console.glyph("waiting")
        return f"{dot} {_('waiting')}: {', '.join(coming)}" if coming else ""

    def _bill(self) -> str:
        if self._start is None:
            return ""
        word = self._mark or ("SANDBOX" if self._start.simulated else self._start.target.upper())
        text = f"[{word}] {self._start.region}"
        if self._cost is not None:
            dot = self.console.glyph("dot")
            words = _("would cost {usd} so far") if self._cost.simulated else _("costs {usd} so far")
            text += f" {dot} {words.format(usd=money(self._cost.usd))}"
            if self._cost.hourly_usd:
                text += f" {dot} {_('{price} now').format(price=hourly(self._cost.hourly_usd))}"
        return text
