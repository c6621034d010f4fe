"""Owns how data and results look in the guide: drawn on a terminal, in words when it is plain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.i18n import _
from sagewizard.render import table
from sagewizard.render.units import count, number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagewizard.engine.looking import DataLook
    from sagewizard.evaluation import ConfusionMatrix
    from sagewizard.events import PredictionMade, PreviewMade
    from sagewizard.guide.voice import Voice
    from sagewizard.outcome_events import ClustersMeasured, CrossValidated, ThresholdsCompared

MOST_COLUMNS = 20
MOST_PROFILED = 8
"""Columns whose profile is shown: with the rows above it they fill a screen of 24 lines."""
MOST_CELLS = 6
MOST_READ = 40
"""Characters of a request or a reply that are said in plain words."""


def preview(voice: Voice, event: PreviewMade) -> None:
    """Show rows of the data."""
    if not voice.plain:
        from sagewizard.cli.pictures import preview_lines

        voice.lines(preview_lines(event, voice.ink))
        return
    if event.image_height and event.image_width:
        words = _("Each row is a picture of {height} by {width} pixels. The labels of the first rows:")
        voice.text(words.format(height=event.image_height, width=event.image_width))
        for sample in event.samples:
            words = _("Row {row}: label {label}, ink on {share} of the pixels")
            inked = sum(value > 0 for value in sample.values) / max(1, len(sample.values))
            told = words.format(row=sample.row, label=sample.label, share=percent(inked, 0))
            voice.text(told, "  ")
        return
    for sample in event.samples:
        pairs = zip(event.columns, sample.values, strict=False)
        cells = ", ".join(f"{name} {number(value)}" for name, value in list(pairs)[:MOST_CELLS])
        more = len(event.columns) - MOST_CELLS
        cells += _(", and {count} more").format(count=more) if more > 0 else ""
        words = _("Row {row}: label {label}; {cells}")
        voice.text(words.format(row=sample.row, label=sample.label, cells=cells), "  ")


def profile(voice: Voice, found: DataLook) -> None:
    """Show the columns of a table: from where to where, the mean, what is missing, how they are spread."""
    from sagewizard.render import sparkline

    shown = found.columns[:MOST_PROFILED]
    missing = any(column.missing for column in found.columns)
    rows: list[Sequence[object]] = []
    for column in shown:
        low, mean, high = number(column.minimum), number(column.mean), number(column.maximum)
        if voice.plain:
            words = _("Column {name}: from {low} to {high}, mean {mean}")
            told = words.format(name=column.name, low=low, high=high, mean=mean)
            told += _(", {count} missing").format(count=count(column.missing)) if column.missing else ""
            voice.text(told, "  ")
            continue
        spread = sparkline(column.bins, ink=voice.ink) if column.bins else ""
        gaps = [count(column.missing)] if missing else []
        rows.append([column.name, low, mean, high, *gaps, spread])
    if rows:
        gaps = [_("missing")] if missing else []
        headers = [_("column"), _("lowest"), _("mean"), _("highest"), *gaps, _("spread")]
        voice.lines(table(rows, headers, ink=voice.ink, whole=1).splitlines())
    more = len(found.columns) - len(shown)
    told = _("and {count} more columns; ").format(count=more) if more else ""
    told += _("some values are missing") if missing else _("no value is missing")
    voice.text(f"{told[:1].upper()}{told[1:]}.", "  ")


def classes(voice: Voice, labels: Mapping[str, int]) -> None:
    """Show how many rows each label has, the commonest first."""
    total = sum(labels.values())
    if not labels or not total or len(labels) > MOST_COLUMNS:
        return
    told = "; ".join(f"{label}: {count(n)} ({percent(n / total, 0)})" for label, n in labels.items())
    voice.text(_("Rows by label: {labels}").format(labels=told), "  ")


def prediction(
    voice: Voice, event: PredictionMade, values: Sequence[float], shape: tuple[int, int] | None
) -> None:
    """Show one prediction: the picture or row, the request, the reply, right or wrong."""
    from sagewizard.render.cells import clean, cut

    if shape and values and not voice.plain:
        import numpy as np

        from sagewizard.render import digit

        voice.lines(digit(np.asarray(values).reshape(shape), ink=voice.ink))
    unicode = voice.ink.unicode
    for word, text in ((_("request"), event.request), (_("reply"), event.response)):
        voice.line(f"  {word:<9} {cut(clean(text.strip()), room(voice, 14), unicode=unicode)}")
    said, took = event.predicted, f"{event.seconds * 1000:.0f}"
    if not event.row:
        words = _("The model says {said}, in {time} ms.")
    elif not event.graded:
        words = _("Test row {row}: {expected} in the data, {said} by the model, in {time} ms.")
    elif event.correct:
        words = _("Test row {row}: expected {expected}, predicted {said}: right, in {time} ms.")
    else:
        words = _("Test row {row}: expected {expected}, predicted {said}: wrong, in {time} ms.")
    told = words.format(row=event.row, expected=event.expected, said=said, time=took)
    good = event.correct or not event.graded
    voice.text(told, "  ", style="good" if good else "bad")


def room(voice: Voice, taken: int) -> int:
    """Return how many characters of a request are shown; read aloud, hundreds of numbers should end soon."""
    return MOST_READ if voice.plain else voice.columns - taken


def confusion(voice: Voice, matrix: ConfusionMatrix, title: str) -> None:
    """Show a confusion matrix; in words: what was true, and what was said of it."""
    if not voice.plain:
        from sagewizard.render import confusion_matrix

        voice.lines(confusion_matrix(matrix, ink=voice.ink, title=title).splitlines())
        return
    voice.text(title)
    for label, row in zip(matrix.labels, matrix.counts, strict=True):
        said = ", ".join(
            _("{count} as {label}").format(count=count(n), label=other)
            + (f" ({_('right') if other == label else _('wrong')})")
            for other, n in zip(matrix.labels, row, strict=True)
            if n or other == label
        )
        words = _("Of {total} rows of {label}: {said}")
        voice.text(words.format(total=count(sum(row)), label=label, said=said), "  ")


def thresholds(voice: Voice, event: ThresholdsCompared) -> None:
    """Show what several thresholds come to, side by side, or one after the other."""
    if not voice.plain:
        from sagewizard.render import thresholds as drawn

        voice.text(_("Thresholds side by side:"))
        voice.lines(drawn(event, ink=voice.ink).splitlines())
        return
    for row in event.rows:
        words = _(
            "Threshold {threshold}: accuracy {accuracy}, precision {precision}, recall {recall}, F1 {f1}; "
            "{tp} of {positive} found, {fn} missed, {fp} false alarms."
        )
        told = words.format(
            threshold=f"{row.threshold:.4g}", accuracy=number(row.accuracy), precision=number(row.precision),
            recall=number(row.recall), f1=number(row.f1), tp=count(row.tp), positive=event.positive,
            fn=count(row.fn), fp=count(row.fp),
        )  # fmt: skip
        voice.text(told, "  ")


def clusters(voice: Voice, event: ClustersMeasured) -> None:
    """Show how the rows of each label are spread over the clusters."""
    if not voice.plain:
        from sagewizard.render import clusters as drawn

        voice.text(_("Labels (down) in clusters (across):"))
        voice.lines(drawn(event, ink=voice.ink).splitlines())
        return
    for cluster, size in enumerate(event.sizes):
        inside = ", ".join(
            _("{count} of {label}").format(count=count(row[cluster]), label=label)
            for label, row in zip(event.labels, event.counts, strict=True)
            if row[cluster]
        )
        words = _("Cluster {cluster}, {size} rows: {inside}")
        voice.text(words.format(cluster=cluster, size=count(size), inside=inside or "-"), "  ")


def folds(voice: Voice, event: CrossValidated) -> None:
    """Show mean and spread of a cross-validation, and the value of every fold."""
    if not voice.plain:
        from sagewizard.cli.report import fold_lines

        voice.lines(fold_lines(event, voice.ink))
        return
    voice.text(_("Cross-validation in {count} folds:").format(count=event.folds))
    from sagewizard.render import metric_name

    for item in event.metrics:
        words = _("{name}: mean {mean}, spread {spread}; the folds {values}")
        values = ", ".join(number(value) for value in item.values)
        told = words.format(
            name=metric_name(item.name), mean=number(item.mean), spread=number(item.spread), values=values
        )
        voice.text(told, "  ")


def metrics(voice: Voice, values: Mapping[str, float]) -> None:
    """Show metrics, one a line."""
    from sagewizard.render import metric_list, metric_name

    if voice.plain:
        for name, value in values.items():
            voice.text(f"{metric_name(name)}: {number(value)}", "  ")
        return
    voice.lines(metric_list(values, ink=voice.ink).splitlines())
