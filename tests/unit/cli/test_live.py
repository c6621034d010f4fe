"""The view of a run: plain lines where nothing can be drawn again, a block that stays whole where it can."""

from __future__ import annotations

import io
import re

import pytest

from sagewizard import events as ev
from sagewizard.cli import live
from sagewizard.cli.terminal import console

TEXT = ev.StepText("Train", "A job is started.\nIt trains.", "why", "expect", "cost")


class Stream(io.TextIOWrapper):
    """A stream that says what it is."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        self.raw_bytes = io.BytesIO()
        super().__init__(self.raw_bytes, encoding=encoding, write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        self.flush()
        return self.raw_bytes.getvalue().decode(self.encoding)


def make(kind, **fields):
    return kind(run_id="r", sequence=1, time=1.0, **fields)


def story():
    yield make(
        ev.RunStarted,
        recipe="d",
        title="A title",
        target="sandbox",
        simulated=True,
        region="us-east-1",
        steps=("train", "deploy"),
    )
    yield make(ev.StepStarted, step="train", number=1, total=2, text=TEXT)
    yield make(ev.ResourceCreated, resource="training-job", name="j", hourly_usd=0.2)
    yield make(
        ev.JobStatusChanged,
        resource="training-job",
        name="j",
        status="InProgress",
        secondary_status="Training",
        message="Training in progress.",
    )
    yield make(ev.LogLines, job="j", stream="s", lines=("one", "\x1b[2Jtwo\x07", "ünï"), timestamps=(1, 2, 3))
    yield make(ev.MetricReported, job="j", name="train:objective_loss", value=0.5, epoch=2)
    yield make(ev.StepProgressed, step="train", message="Uploading", done=5e5, total=1e6, unit="bytes")
    yield make(ev.CostChanged, usd=0.01, hourly_usd=0.2, simulated=True, items=())
    yield make(ev.Warned, message="Mind the step")
    yield make(ev.StepFinished, step="train", seconds=2.5, summary="It learned")
    yield make(ev.StepSkipped, step="deploy", number=2, total=2, reason="not wanted")


@pytest.fixture
def every_event_drawn(monkeypatch):
    monkeypatch.setattr(live, "SECONDS_BETWEEN", 0.0)


def show(stream: Stream, environ: dict[str, str]) -> str:
    view = live.LiveView(console(stream, environ))
    for event in story():
        view.show(event)
    view.close()
    return stream.text


def test_without_a_terminal_there_are_plain_lines_in_order():
    text = show(Stream(terminal=False), {"TERM": "xterm"})
    assert "\x1b" not in text
    words = [
        "A title",
        "1/2 Train: running",
        "A job is started. It trains.",
        "training-job j created",
        "InProgress",
        "Mind the step",
        "1/2 Train: done in 2.5 s. It learned",
        "deploy: skipped",
    ]
    places = [text.index(word) for word in words]
    assert places == sorted(places)


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": ""}, {}])
def test_a_dumb_terminal_gets_plain_lines(environ):
    assert "\x1b" not in show(Stream(terminal=True), environ)


@pytest.mark.usefixtures("every_event_drawn")
def test_no_color_draws_in_place_without_colour():
    text = show(Stream(terminal=True), {"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert "\x1b[2K" in text
    assert not re.search(r"\x1b\[[0-9;]*m", text)


@pytest.mark.usefixtures("every_event_drawn")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
def test_any_encoding_works(encoding):
    text = show(Stream(terminal=True, encoding=encoding), {"TERM": "xterm"})
    assert "done in 2.5 s" in text


@pytest.mark.usefixtures("every_event_drawn")
def test_log_lines_cannot_move_the_cursor():
    text = show(Stream(terminal=True), {"TERM": "xterm"})
    assert "\x1b[2Jtwo" not in text
    assert "\x07" not in text
    assert "two" in text


@pytest.mark.usefixtures("every_event_drawn")
@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_block_takes_back_exactly_the_lines_it_drew(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    screen = replay(show(Stream(terminal=True), {"TERM": "xterm", "NO_COLOR": "1"}), columns)
    assert "[SANDBOX]" not in "\n".join(screen)
    assert not [line for line in screen if "running" in line]
    assert sum("done in 2.5 s" in line for line in screen) >= (1 if columns >= 80 else 0)


@pytest.mark.usefixtures("every_event_drawn")
def test_the_block_has_status_metrics_log_and_bill(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    stream = Stream(terminal=True)
    view = live.LiveView(console(stream, {"TERM": "xterm", "NO_COLOR": "1"}))
    for event in story():
        if isinstance(event, ev.Warned):
            break
        view.show(event)
    screen = "\n".join(replay(stream.text, 100))
    for words in (
        "1/2 Train: running",
        "InProgress",
        "epoch 3",
        "training loss 0.5000",
        "50%",
        "│ ünï",
        "waiting: deploy",
        "[SANDBOX] us-east-1",
        "would cost $0.01 so far",
        "$0.20/h now",
    ):
        assert words in screen


def replay(text: str, columns: int) -> list[str]:
    """Draw the text as a terminal of endless height would."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\n|[^\x1b\n]+", text):
        if part == "\n":
            row, column = row + 1, 0
            while row >= len(lines):
                lines.append("")
        elif part.startswith("\x1b["):
            number = int(re.sub(r"\D", "", part) or 1)
            if part.endswith("A"):
                row, column = max(0, row - number), 0
            elif part.endswith("J"):
                del lines[row + 1 :]
                lines[row] = ""
            elif part.endswith("K"):
                lines[row] = ""
        else:
            # A line wider than the terminal breaks, and then the block takes more lines than it thinks.
            text_line = lines[row][:column] + part
            lines[row], column = text_line, len(text_line)
            while len(lines[row]) > columns:
                lines.insert(row + 1, lines[row][columns:])
                lines[row] = lines[row][:columns]
                row += 1
            column = len(lines[row])
    return lines
