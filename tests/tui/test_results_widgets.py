"""The widgets of the results on their own: canvas, pictures, heat map, curve, mistakes, scores, tables."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from textual.app import App

from sagewizard.evaluation import ConfusionMatrix, Curve, Mistake, roc_curve
from sagewizard.events import PredictionMade
from sagewizard.tui.screens.compare import compare_rows
from sagewizard.tui.widgets.canvas import LEVELS, Canvas, Drawing
from sagewizard.tui.widgets.curve import MARK, chart, with_mark
from sagewizard.tui.widgets.digit import beside, captioned, picture
from sagewizard.tui.widgets.fields import FieldForm, row_text
from sagewizard.tui.widgets.heatmap import heat_lines
from sagewizard.tui.widgets.mistakes import MistakePager
from sagewizard.tui.widgets.rows import RowTable, tail
from sagewizard.tui.widgets.scores import answer_lines, bar, gauge

MOVES = st.sampled_from(["up", "down", "left", "right", "ink", "more", "less", "clear", "undo"])


def act(drawing, move):
    match move:
        case "up":
            drawing.move(-1, 0)
        case "down":
            drawing.move(1, 0)
        case "left":
            drawing.move(0, -1)
        case "right":
            drawing.move(0, 1)
        case "ink":
            drawing.ink()
        case "more":
            drawing.put(drawing.level + 1)
        case "less":
            drawing.put(drawing.level - 1)
        case "clear":
            drawing.clear()
        case "undo":
            drawing.undo()


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.1, 255), st.lists(MOVES, max_size=80))
def test_a_drawing_keeps_its_cursor_inside_and_its_values_in_range(height, width, high, moves):
    drawing = Drawing(height, width, high)
    for move in moves:
        act(drawing, move)
        assert 0 <= drawing.row < height
        assert 0 <= drawing.column < width
        values = drawing.values()
        assert len(values) == height * width
        assert all(0 <= value <= high * (1 + 1e-12) for value in values)
        assert drawing.inked == sum(1 for value in values if value)


@given(st.lists(MOVES.filter(lambda move: move != "undo"), max_size=60))
def test_undo_takes_back_every_change_to_the_empty_paper(moves):
    drawing = Drawing(4, 4)
    for move in moves:
        act(drawing, move)
    for _ in moves:
        drawing.undo()
    assert drawing.inked == 0


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12), st.floats(0.5, 300))
def test_what_was_loaded_keeps_its_values_until_it_is_touched(shares, high):
    values = [share * high for share in shares]
    drawing = Drawing(3, 4, high)
    drawing.load(values)
    assert drawing.values() == values
    drawing.move(1, 1)
    drawing.ink()
    changed = [i for i in range(12) if drawing.values()[i] != values[i]]
    assert changed in ([5], [])
    assert drawing.values()[5] in [level * high / LEVELS for level in range(LEVELS + 1)]


def test_ink_goes_from_paper_to_full_and_down_to_paper_again():
    drawing = Drawing(2, 2)
    seen = []
    for _ in range(LEVELS + 2):
        drawing.ink()
        seen.append(drawing.level)
    assert seen == [4, 3, 2, 1, 0, 4]


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="5 values"):
        Drawing(2, 2).load([0.0] * 5)
    with pytest.raises(ValueError, match="a height"):
        Drawing(0, 2)


def drive(widget, body, size=(80, 24)):
    class Holder(App):
        def compose(self):
            yield widget

    async def go():
        app = Holder()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await body(app, pilot)

    asyncio.run(go())


def text_of(widget):
    return str(widget.render())


def test_the_canvas_draws_by_keys_and_by_mouse():
    canvas = Canvas(Drawing(8, 8, 16.0))
    told = []

    async def body(app, pilot):
        canvas.focus()
        await pilot.press("right", "down", "space")
        assert canvas.drawing.values()[9] == 16.0
        assert "[]" in text_of(canvas)
        await pilot.press("minus", "u", "delete", "backspace")
        assert canvas.drawing.values()[9] == 16.0
        canvas.styles.width, canvas.styles.height = 16, 8
        await pilot.pause()
        await pilot.click(canvas, offset=(6, 2))
        assert canvas.drawing.values()[2 * 8 + 3] == 16.0
        told.append(canvas.drawing.words())

    drive(canvas, body)
    assert told == ["row 3, column 4: ink 4 of 4"]


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (5, 3), (28, 20)])
@pytest.mark.parametrize("plain", [False, True])
def test_a_picture_has_lines_of_one_width_and_never_fails(shape, plain):
    values = np.random.default_rng(3).uniform(0, 1, shape).ravel().tolist()
    lines = picture(values, *shape, plain=plain)
    assert len({line.cell_len for line in lines}) == 1
    blank = picture([0.0] * len(values), *shape, plain=plain)
    assert len(blank) == len(lines)


def test_a_digit_of_28_pixels_takes_28_by_14_cells_in_colour_and_in_braille():
    for plain in (False, True):
        lines = picture([0.5] * 784, 28, 28, plain=plain)
        assert (lines[0].cell_len, len(lines)) == (28, 14)
    assert set("".join(str(line) for line in picture([1.0] * 784, 28, 28, plain=True))) == {"\u28ff"}


def test_without_colours_ink_is_told_from_paper_by_its_character():
    lines = picture([0.0, 16.0, 8.0, 4.0], 2, 2, plain=True, high=16.0)
    assert [str(line) for line in lines] == ["  ██", "▒▒░░"]


def test_blocks_stand_side_by_side_with_their_captions():
    one = captioned([Text("ab"), Text("cd")], ["a long caption"])
    joined = beside([one, [Text("x")]], gap=1)
    assert [str(line) for line in joined] == ["ab x", "cd  ", "a…  "]


BINARY = ConfusionMatrix(("not 0", "0"), ((320, 4), (1, 35)), "0")


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("room", [34, 60, 100])
def test_a_binary_heat_map_has_counts_rates_and_words(plain, room):
    lines = heat_lines(BINARY, plain=plain, room=room)
    text = "\n".join(str(line) for line in lines)
    for word in ("320 TN", "4 FP", "1 FN", "35 TP", "98.8 %", "2.8 %", "said 0", "is not 0"):
        assert word in text
    assert max(line.cell_len for line in lines) <= max(room, 34)


@given(st.integers(3, 12), st.integers(30, 120), st.booleans())
def test_a_heat_map_of_many_classes_keeps_every_count_within_its_room(classes, room, plain):
    counts = tuple(tuple(i * classes + j for j in range(classes)) for i in range(classes))
    matrix = ConfusionMatrix(tuple(f"c{i}" for i in range(classes)), counts)
    lines = heat_lines(matrix, plain=plain, room=room)
    text = " ".join(str(line) for line in lines)
    for row in counts[1:]:
        for value in row:
            assert f"{value} " in text
    assert max(line.cell_len for line in lines) <= max(room, 40)


def test_few_classes_have_their_whole_names_where_there_is_room():
    matrix = ConfusionMatrix(("setosa", "versicolor", "virginica"), ((15, 0, 0), (0, 15, 0), (0, 7, 8)))
    head, *_rows = (str(line) for line in heat_lines(matrix, plain=True, room=76))
    assert head.split() == ["is", "\\", "said", "setosa", "versicolor", "virginica", "recall"]
    assert "…" in str(heat_lines(matrix, plain=True, room=34)[0])


def test_shades_tell_the_share_of_a_row_without_colours():
    matrix = ConfusionMatrix(("a", "b", "c"), ((98, 1, 1), (0, 10, 0), (5, 5, 0)))
    text = "\n".join(str(line) for line in heat_lines(matrix, plain=True))
    assert "a █98 ░ 1 ░ 1" in text
    assert "c ▒ 5 ▒ 5   ·" in text


@given(st.floats(0, 1), st.floats(0, 1), st.integers(24, 100), st.integers(4, 20))
def test_the_mark_stands_where_its_point_is(x, y, width, height):
    curve = Curve("roc", (0.0, 0.2, 1.0), (0.0, 0.9, 1.0), (1.0, 0.5, 0.0), 0.85)
    lines = with_mark(chart(curve, width=width, height=height), (x, y))
    marked = [str(line) for line in lines if MARK in str(line)]
    assert len(marked) == 1
    assert max(line.cell_len for line in lines) <= width
    rows = [str(line) for line in lines if "│" in str(line) or "┤" in str(line)]
    place = rows.index(marked[0])
    assert place == len(rows) - 1 - min(len(rows) - 1, int(y * len(rows)))


def test_a_curve_without_a_mark_is_the_chart_itself():
    curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    drawn = chart(curve, width=50, height=8)
    assert [str(line) for line in with_mark(drawn, None)] == drawn


def test_mistakes_are_paged_to_both_ends():
    pager = MistakePager()
    found = [Mistake(i, "0", "1", 1.0, 0.5) for i in range(10)]

    async def body(app, pilot):
        pager.rows(lambda row: [float(row)] * 64, lambda row: f"L{row}", ["p"] * 64, (8, 8), 64.0)
        pager.show(found)
        assert pager.a_page == 4
        assert "Mistakes 1 to 4 of 10" in text_of(pager)
        assert "is L1" in text_of(pager)
        pager.turn(-1)
        assert pager.first == 0
        for _ in range(9):
            pager.turn(1)
        assert "Mistakes 9 to 10 of 10" in text_of(pager)
        pager.show(found[:3])
        assert "Mistakes 1 to 3 of 3" in text_of(pager)
        pager.show([])
        assert "No mistakes" in text_of(pager)

    drive(pager, body)


def test_mistakes_of_tables_show_the_row_and_regressions_their_error():
    pager = MistakePager()

    async def body(app, pilot):
        pager.rows(lambda row: [1.5, 2.5], lambda row: "30.1", ("age", "bmi"), None, 1.0)
        pager.show([Mistake(4, "30.1", "28.0", 2.1, 28.0)], regression=True)
        text = text_of(pager)
        assert "Largest errors" in text
        assert "off by 2.1" in text
        assert "age 1.5 · bmi 2.5" in text

    drive(pager, body)


def prediction(**changed):
    values = {
        "run_id": "r", "sequence": 1, "time": 0.0, "step": "predict", "endpoint": "e", "row": 3,
        "content_type": "text/csv", "request": "1\n", "accept": "application/json", "response": "{}",
        "seconds": 0.0123, "expected": "0", "predicted": "0", "score": 0.9, "correct": True,
    }  # fmt: skip
    return PredictionMade(**(values | changed))


def test_an_answer_says_right_or_wrong_in_words_with_its_score_and_latency():
    right = "\n".join(str(line) for line in answer_lines(prediction(), None, 0.5))
    assert right.startswith("✓ right: said 0, and it is 0")
    assert "score 0.9000 > threshold 0.5000" in right
    assert "latency 12.3 ms" in right
    wrong = str(answer_lines(prediction(predicted="not 0", score=0.5, correct=False), None, 0.5))
    assert "✗ wrong: said not 0, but it is 0" in wrong
    assert "≤ threshold" in wrong
    assert "the model says: 0" in str(answer_lines(prediction(row=0, expected=""), None, None))


@given(st.floats(0, 1), st.floats(0, 1), st.integers(4, 60))
def test_bars_and_gauges_have_their_width_and_one_mark(score, threshold, width):
    assert len(bar(score, width)) == width
    drawn = gauge(score, threshold, width)
    assert (len(drawn), drawn.count("┃")) == (width, 1)


def test_fields_take_numbers_and_name_the_one_that_is_none():
    form = FieldForm()

    async def body(app, pilot):
        form.begin(("age", "bmi"), [30.0, 0.125])
        await pilot.pause()
        assert form.values() == [30.0, 0.125]
        form.query("Input")[1].value = ""
        await pilot.pause()
        assert form.values() is None
        assert "bmi" in form.problem
        form.load([1.0, float(np.float32(5.1))])
        assert [box.value for box in form.query("Input")] == ["1", "5.1"]
        assert form.values() == [1.0, 5.1]

    drive(form, body)


def test_a_very_wide_row_is_one_line_of_csv():
    form = FieldForm()

    async def body(app, pilot):
        form.begin([f"c{i}" for i in range(100)], [float(i) for i in range(100)])
        await pilot.pause()
        assert form.values() == [float(i) for i in range(100)]
        form.query_one("Input").value = "1,2"
        await pilot.pause()
        assert form.values() is None
        assert "2 values" in form.problem

    drive(form, body)


def test_a_table_keeps_its_cursor_on_the_same_row_when_others_come_and_go():
    table = RowTable()

    async def body(app, pilot):
        table.fill(("name", "so far"), {"a": ("a", "$1"), "b": ("b", "$2"), "c": ("c", "$3")})
        table.move_cursor(row=1)
        assert table.key == "b"
        table.fill(("name", "so far"), {"b": ("b", "$2"), "c": ("c", "$3")})
        assert table.key == "b"
        table.fill(("name", "so far"), {"b": ("b", "$9"), "c": ("c", "$3")})
        assert str(table.get_cell("b", "so far")) == "$9"
        table.fill(("name", "so far"), {})
        assert table.key == ""

    drive(table, body)


def test_names_keep_their_ends_and_rows_their_first_values():
    assert tail("sw-20261121-endpoint", 10) == "…-endpoint"
    assert tail("short", 10) == "short"
    assert row_text([f"c{i}" for i in range(20)], [0.5] * 20, 2) == "c0 0.5 · c1 0.5 · and 18 more"


def test_two_runs_are_compared_by_metric_setting_and_direction():
    from sagewizard.engine.history import RunSummary

    def run(name, metrics, settings):
        return RunSummary(
            name, "digits", "sandbox", True, "finished", "", 0.0, 0.0, 2.0, ("evaluate",), 0.01, settings,
            metrics, (), (), 0, "journal.jsonl",
        )  # fmt: skip

    one = run("one", {"f1": 0.90, "rmse": 3.0, "accuracy": 0.99}, {})
    two = run("two", {"f1": 0.95, "rmse": 4.0, "accuracy": 0.99}, {"train.epochs": 5})
    rows = {row[0]: row[1:] for row in compare_rows(one, two)}
    assert rows["F1"] == ("0.9000", "0.9500", "▲ +0.0500 better")
    assert rows["RMSE"][2] == "▲ +1.0000 worse"
    assert rows["accuracy"][2] == "= same"
    assert rows["train.epochs"] == ("recipe's", "5", "changed")
