"""The panes of the results, Resources and Runs, over real runs in the sandbox, by keys."""

from __future__ import annotations

import asyncio
import json
import random
import threading

import pytest
from textual.widgets import Input

from sagewizard.engine import Engine, inventory
from sagewizard.recipe import finding
from sagewizard.recipe.loading import load_text
from sagewizard.targets import open_target
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.bindings import keys_of
from sagewizard.tui.screens.compare import CompareScreen
from sagewizard.tui.screens.modals import Confirm
from sagewizard.tui.screens.resources import ResourcesScreen
from sagewizard.tui.screens.run import RunScreen
from sagewizard.tui.screens.runs import RunsScreen
from sagewizard.tui.screens.step_settings import StepSettings
from sagewizard.tui.widgets.canvas import Canvas

DIGITS = finding.load("digits-linear-learner")


def finished(engine, recipe, **options):
    end = list(engine.run(recipe, **options))[-1]
    assert end.kind == "run_finished", end
    return end.run_id


@pytest.fixture(scope="module")
def engine(sandbox_settings):
    return Engine(open_target("sandbox", sandbox_settings), settings=sandbox_settings)


@pytest.fixture(scope="module")
def kept(engine):
    """A whole run whose endpoint stays."""
    run_id = finished(engine, DIGITS, keep=True)
    yield run_id
    inventory.delete(engine, engine.ledger.alive(run_id=run_id), cancel=threading.Event())


def recipe_for(dataset, hyperparameters, **extra):
    """Return the digits recipe for another dataset, as a recipe of its own."""
    import yaml

    body = yaml.safe_load(DIGITS.raw)
    body["name"] = f"{dataset}-test"
    body["dataset"] = {"name": dataset, "split": body["dataset"]["split"]} | extra
    body["algorithm"]["hyperparameters"] = hyperparameters
    return load_text(yaml.safe_dump(body).encode(), "test.yaml")


def drive(settings, run_id, place, body, wait_until, size=(120, 40)):
    """Open a run at a place and do something there."""

    async def go():
        app = SageWizardApp(settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=size) as pilot:
            opened = []
            app.control.open_run(run_id, lambda: opened.append(app.push_screen(RunScreen(app.control))))
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
            app.screen.show(place)
            await wait_until(pilot, lambda: app.screen.place == place)
            await body(app, pilot, app.screen.pane)

    asyncio.run(go())


def journal_kinds(settings, run_id):
    lines = (settings.runs / run_id / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["kind"] for line in lines]


def test_a_row_is_sent_and_shown_with_request_reply_score_and_latency(
    sandbox_settings, kept, wait_until, shown
):
    async def body(app, pilot, pane):
        await wait_until(pilot, lambda: pane.rows is not None)
        before = len(journal_kinds(sandbox_settings, kept))
        await pilot.press("n", "n")
        assert pane.row == 3
        assert "Send test row 3" in pane.primary().label
        await pilot.press("enter")
        await wait_until(pilot, lambda: pane.answered is not None and pane.answered[1].row == 3)
        text = shown(app)
        for words in (
            "labelled 6",
            "✓ right: said not 0",
            "≤ threshold",
            "latency",
            "POST /endpoints/",
            '{"predictions"',
        ):
            assert words in text, words
        assert "Go on to Transform" in pane.primary().label
        await pilot.press("v", "p")
        assert pane.row == 2
        await pilot.press("r")
        await wait_until(pilot, lambda: pane.answered[0] == pane._question())
        await pilot.press("g", *"360", "enter")
        assert pane.row == 360
        await pilot.press("n")
        assert pane.row == 360
        await pilot.press("g", *"999", "enter")
        assert pane.row == 360
        kinds = journal_kinds(sandbox_settings, kept)[before:]
        assert kinds == ["api_called", "prediction_made"] * 2

    drive(sandbox_settings, kept, "predict", body, wait_until)


def test_a_digit_is_drawn_sent_and_taken_from_the_test_set(sandbox_settings, kept, wait_until, shown):
    async def body(app, pilot, pane):
        await wait_until(pilot, lambda: pane.rows is not None)
        await pilot.press("w")
        canvas = pane.query_one(Canvas)
        await wait_until(pilot, lambda: canvas.has_focus)
        await pilot.press("right", "right", "space", "down", "space", "enter")
        await wait_until(pilot, lambda: pane.answered is not None and pane.answered[1].row == 0)
        assert "the model says: " in shown(app)
        assert pane.answered[1].request.split(",")[2] == "16.0"
        await pilot.press("space")
        assert "Not sent yet" in shown(app)
        await pilot.press("o")
        assert canvas.drawing.values() == pane.values_of(pane.row)
        await pilot.press("escape")
        assert not canvas.display
        assert app.screen.place == "predict", "Esc goes back to the test rows first"

    drive(sandbox_settings, kept, "predict", body, wait_until, (80, 24))


def test_the_whole_test_set_runs_with_a_bar_and_can_be_stopped(sandbox_settings, kept, wait_until, shown):
    async def body(app, pilot, pane):
        await wait_until(pilot, lambda: pane.rows is not None)
        app.control.model.comparison = None
        await pilot.press("t")
        await wait_until(pilot, lambda: app.control.model.comparison is not None and pane._cancel is None)
        assert "of 360 right" in str(pane.query_one("#predict-set").render())
        pane.action_predict_test_set()
        pane.action_predict_test_set()
        await wait_until(pilot, lambda: pane._cancel is None)

    drive(sandbox_settings, kept, "predict", body, wait_until)


def test_transform_shows_lines_beside_their_inputs(sandbox_settings, kept, wait_until, shown):
    async def body(app, pilot, pane):
        await wait_until(pilot, lambda: bool(pane.lines) and pane.rows is not None)
        text = shown(app)
        for words in ("InProgress → Completed", "360 answers out", "Answers 1 to", '{"score": ', "it is 9"):
            assert words in text, words
        await pilot.press("n")
        assert pane.first == pane.a_page
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert pane.first == 0
        await pilot.press("w")
        assert all(pane._right(line) is False for line in pane._shown())
        for _ in range(60):
            await pilot.press("right_square_bracket")
        assert 0 <= pane.first < max(1, len(pane._shown()))

    drive(sandbox_settings, kept, "transform", body, wait_until)


def test_everything_follows_the_threshold(sandbox_settings, kept, wait_until, shown):
    async def body(app, pilot, pane):
        await wait_until(
            pilot, lambda: pane.results is not None and pane.curves is not None and pane.rows is not None
        )
        own, matrix = pane.threshold, pane.query_one("#evaluate-matrix").matrix
        assert matrix.counts == pane.results.confusion.counts
        mark = str(pane.query_one("#evaluate-curve").render())
        for _ in range(6):
            await pilot.press("right")
        assert pane.threshold > own
        moved = pane.query_one("#evaluate-matrix").matrix
        assert moved.counts != matrix.counts
        measures = str(pane.query_one("#evaluate-measures").render())
        assert f"{moved.accuracy:.4f}" in measures
        assert "▼" in measures or "▲" in measures
        assert str(pane.query_one("#evaluate-curve").render()) != mark
        wrong = moved.total - moved.correct
        assert f"of {wrong}, the worst first" in str(pane.query_one("#evaluate-mistakes").render())
        await pilot.press("m")
        assert pane.threshold == own
        await pilot.press("b")
        best = pane.sweep.best("f_beta")
        assert pane.threshold == best.threshold
        assert f"{best.value:.4f}" in str(pane.query_one("#evaluate-measures").render())
        await pilot.press("v")
        assert "Precision-recall" in str(pane.query_one("#evaluate-curve").render())
        for _ in range(30):
            await pilot.press("shift+left")
        assert pane.query_one("#evaluate-matrix").matrix.fn == 0
        for _ in range(60):
            await pilot.press("shift+right")
        assert pane.query_one("#evaluate-matrix").matrix.tp == 0
        await pilot.press("right_square_bracket", "n", "p", "left_square_bracket")

    drive(sandbox_settings, kept, "evaluate", body, wait_until)


def test_several_classes_have_a_matrix_and_curves_of_each(sandbox_settings, engine, wait_until, shown):
    recipe = recipe_for(
        "iris",
        {
            "predictor_type": "multiclass_classifier",
            "num_classes": "3",
            "mini_batch_size": "10",
            "epochs": "5",
        },
    )
    run_id = finished(engine, recipe)

    async def body(app, pilot, pane):
        await wait_until(
            pilot, lambda: pane.results is not None and pane.curves is not None and pane.rows is not None
        )
        text = shown(app)
        for words in ("setosa", "recall", "precision, macro", "F1, macro"):
            assert words in text, words
        assert "setosa against the rest" in str(pane.query_one("#evaluate-curve").render())
        await pilot.press("right")
        await wait_until(pilot, lambda: pane.curves is not None)
        assert "versicolor against the rest" in str(pane.query_one("#evaluate-curve").render())
        assert not pane.query_one("#evaluate-threshold").display
        await pilot.press("m", "b", "shift+left")

    drive(sandbox_settings, run_id, "evaluate", body, wait_until)


@pytest.mark.slow
def test_a_regression_has_residuals_and_a_row_is_edited_as_fields(
    sandbox_settings, engine, wait_until, shown
):
    recipe = recipe_for("diabetes", {"predictor_type": "regressor", "mini_batch_size": "20", "epochs": "5"})
    run_id = finished(engine, recipe, keep=True)

    async def evaluate(app, pilot, pane):
        await wait_until(pilot, lambda: pane.results is not None and pane.rows is not None)
        text = shown(app)
        for words in ("RMSE", "MAE", "R2", "Residuals", "Largest errors"):
            assert words in text, words
        await pilot.press("left", "right", "b", "m", "v")

    async def predict(app, pilot, pane):
        await wait_until(pilot, lambda: pane.rows is not None)
        await pilot.press("w")
        await wait_until(pilot, lambda: len(pane.query("#predict-fields Input")) == 10)
        box = pane.query("#predict-fields Input")[0]
        box.focus()
        box.value = "x"
        await pilot.pause()
        assert pane._own_values() is None
        box.value = "0.05"
        await pilot.pause()
        await pilot.press("enter")
        await wait_until(pilot, lambda: pane.answered is not None and pane.answered[1].row == 0)
        assert "the model says" in shown(app)

    async def transform(app, pilot, pane):
        await wait_until(pilot, lambda: bool(pane.lines) and pane.rows is not None)
        assert "out  {" in shown(app)

    drive(sandbox_settings, run_id, "evaluate", evaluate, wait_until)
    drive(sandbox_settings, run_id, "predict", predict, wait_until)
    drive(sandbox_settings, run_id, "transform", transform, wait_until)
    inventory.delete(engine, engine.ledger.alive(run_id=run_id), cancel=threading.Event())


def test_teardown_deletes_one_then_all_and_proves_it(sandbox_settings, engine, wait_until, shown):
    run_id = finished(engine, DIGITS, until="deploy")

    async def deploy(app, pilot, pane):
        # The endpoint is told to delete itself after two hours, and a word that is no time is not taken.
        model = app.control.model
        await pilot.press("s")
        await wait_until(pilot, lambda: isinstance(app.screen, StepSettings))
        await wait_until(
            pilot,
            lambda: isinstance(app.focused, Input) and app.focused.parent.option.path == "deploy.ttl",
        )
        app.focused.value = "soon"
        await wait_until(pilot, lambda: "not a length of time such as 2h" in shown(app))
        app.focused.value = "2h"
        await wait_until(pilot, lambda: app.control.value("deploy.ttl") == "2h")
        await pilot.press("enter")
        await wait_until(pilot, lambda: bool(model.ends) and "deletes itself at" in shown(app))
        assert "--ttl 2h" in app.control.command()
        assert not app.control.stale, "an endpoint that is there is not out of date for that"

    drive(sandbox_settings, run_id, "deploy", deploy, wait_until)
    assert "schedule" in {entry.kind for entry in engine.ledger.alive(run_id=run_id)}

    async def body(app, pilot, pane):
        model = app.control.model
        assert model.ends
        await pilot.press("s")
        await wait_until(pilot, lambda: isinstance(app.screen, StepSettings) and "delete_data" in shown(app))
        app.screen.query(Input)[1].value = "true"
        await wait_until(pilot, lambda: app.control.value("teardown.delete_logs") is True)
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Data in the bucket stays, logs go, too" in shown(app))
        table = pane.query_one("#teardown-alive")
        table.focus()
        await wait_until(pilot, lambda: len(table._shown) == 4)
        table.move_cursor(row=[*table._shown].index(next(k for k in table._shown if k.endswith(" endpoint"))))
        await pilot.press("D")
        await wait_until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape")
        assert len(model.alive) >= 3
        await pilot.press("D")
        await wait_until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: [view.kind for view in model.gone] == ["endpoint", "schedule"])
        assert not model.ends
        await wait_until(pilot, lambda: "Could not find" in shown(app))
        app.control.teardown()
        await wait_until(pilot, lambda: not [v for v in model.alive.values() if v.kind != "s3-prefix"])
        await wait_until(pilot, lambda: len(pane.proofs) == 4)
        assert all(proof.gone for proof in pane.proofs.values())
        assert "Nothing of this run is alive" in shown(app)
        await pilot.press("D", "r")

    drive(sandbox_settings, run_id, "teardown", body, wait_until)


def test_resources_lists_filters_and_deletes_after_a_question(sandbox_settings, engine, wait_until, shown):
    run_id = finished(engine, DIGITS, until="deploy")

    async def go():
        app = SageWizardApp(sandbox_settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("f3")
            await wait_until(pilot, lambda: isinstance(app.screen, ResourcesScreen))
            screen = app.screen
            await wait_until(pilot, lambda: screen.found is not None and not screen.looking)
            mine = [entry for entry in screen.shown() if entry.run_id == run_id]
            assert {entry.kind for entry in mine} == {"endpoint", "endpoint-config", "model"}
            assert all(entry.id in screen.found.checked for entry in mine)
            await wait_until(pilot, lambda: "$0.115/h" in shown(app))
            await pilot.press("slash", *f"endpoint-config {run_id[-4:]}")
            await wait_until(pilot, lambda: len(screen.shown()) == 1)
            await pilot.press("enter", "D")
            await wait_until(pilot, lambda: isinstance(app.screen, Confirm))
            assert app.screen.focused.id == "no"
            await pilot.press("right", "enter")
            await wait_until(pilot, lambda: any("gone, the target says" in line for line in screen.told))
            await pilot.press("escape", "slash", *run_id, "enter")
            await wait_until(pilot, lambda: len(screen.shown()) == 2)
            await pilot.press("b")
            await wait_until(pilot, lambda: any(entry.kind == "s3-prefix" for entry in screen.shown()))
            await pilot.press("A")
            await wait_until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press("right", "enter")
            await wait_until(pilot, lambda: not screen.shown() and not screen.looking)
            assert "Nothing fits this filter" in shown(app)
            await pilot.press("escape", "escape")
            await wait_until(pilot, lambda: app.screen is not screen)

    asyncio.run(go())
    assert engine.ledger.alive(run_id=run_id) == []


def test_runs_are_listed_compared_exported_and_opened(sandbox_settings, engine, kept, wait_until, shown):
    other = finished(engine, DIGITS.with_settings({"train.epochs": 2}))

    async def go():
        app = SageWizardApp(sandbox_settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("f4")
            await wait_until(
                pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.found is not None
            )
            screen = app.screen
            table = screen.query_one("#runs-table")
            await wait_until(pilot, lambda: {kept, other} <= set(table._shown))
            await pilot.press("slash", *"train.epochs=2")
            await wait_until(pilot, lambda: [run.run_id for run in screen.shown()] == [other])
            await pilot.press("escape")
            for run_id in (kept, other):
                table.move_cursor(row=[*table._shown].index(run_id))
                await pilot.press("space")
            assert screen.marked == [kept, other]
            await pilot.press("v")
            await wait_until(pilot, lambda: isinstance(app.screen, CompareScreen))
            text = shown(app)
            for words in (kept, other, "train.epochs", "changed", "F1", "said 0"):
                assert words in text, words
            await pilot.press("escape")
            await wait_until(pilot, lambda: app.screen is screen)
            await pilot.press("x")
            exports = sandbox_settings.home / "exports"
            await wait_until(pilot, lambda: exports.is_dir() and len(list(exports.iterdir())) >= 2)
            table.move_cursor(row=[*table._shown].index(other))
            await pilot.press("enter")
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
            assert app.control.model.run_id == other

    asyncio.run(go())


def test_empty_lists_say_what_to_do_next(settings, wait_until, shown):
    async def go():
        app = SageWizardApp(settings)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("f3")
            await wait_until(pilot, lambda: "Nothing is alive, and nothing is billing" in shown(app))
            await pilot.press("D", "A", "escape", "f4")
            await wait_until(pilot, lambda: "There are no runs yet" in shown(app))
            await pilot.press("enter", "space", "v", "x", "u", "escape")

    asyncio.run(go())


WILD = [
    "up",
    "down",
    "left",
    "right",
    "pageup",
    "pagedown",
    "home",
    "end",
    "tab",
    "shift+tab",
    "space",
    "1",
    "0",
]


@pytest.mark.parametrize("place", ["predict", "transform", "evaluate", "teardown"])
def test_random_keys_never_break_a_pane(sandbox_settings, kept, wait_until, place):
    """Every key of the pane and the canvas, arrows and the like, in a random order; deleting is left out."""
    chance = random.Random(place)
    keys = [key for where in (place, "canvas") for row in keys_of(where) for key in row.keys.split(",")]
    keys = [key for key in keys if row_is_safe(place, key)] + WILD

    async def body(app, pilot, pane):
        await hammer(app, pilot, chance, keys, 300)
        await wait_until(pilot, lambda: getattr(pane, "sending", None) is None)

    drive(sandbox_settings, kept, place, body, wait_until, (80, 24))


async def hammer(app, pilot, chance, keys, count):
    """Press keys as fast as they are taken; an exception in any of them ends the app and the test."""
    for _ in range(count // 20):
        for key in chance.choices(keys, k=20):
            app.simulate_key(key)
        await pilot.pause()


def row_is_safe(place, key):
    return not (place == "teardown" and key in ("delete", "D"))


@pytest.mark.parametrize("screen", ["f3", "f4"])
def test_random_keys_never_break_a_list(recorded, wait_until, screen):
    chance = random.Random(screen)
    where = {"f3": "resources", "f4": "runs"}[screen]
    keys = [
        key for row in keys_of(where) for key in row.keys.split(",") if key not in ("enter", "u", "escape")
    ]

    async def go():
        app = SageWizardApp(recorded)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(screen)
            await hammer(app, pilot, chance, keys + WILD, 300)

    asyncio.run(go())
