"""Every shipped recipe is walked from Home to its teardown by keys alone, in one sandbox."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest
from textual.widgets import OptionList

from sagewizard.recipe import finding
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.modals import Confirm, ErrorDialog
from sagewizard.tui.screens.own_data import OwnDataScreen
from sagewizard.tui.screens.run import RunScreen

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
NEEDS = {
    "vertebral-xgboost": "vertebral",
    "abalone-xgboost": "abalone",
    "mnist-linear-learner": "mnist",
}
"""Recipes whose data is downloaded, and its folder in the test data."""
OWN = "own-csv"
CLASSES = {"evaluate": ("accuracy",), "transform": ("out  ", "it is "), "predict": ("Request", "Reply")}
CLUSTERS = {
    "evaluate": ("clusters of", "silhouette", "mostly", "Labels down, clusters across"),
    "transform": ('out  {"closest_cluster"', "labelled"),
    "predict": ("said cluster", "distance to its center", "rows answered"),
}
NUMBERS = {
    "evaluate": ("RMSE", "MAE", "R2", "Residuals: true minus predicted"),
    "transform": ("out  ", "it is "),
    "predict": ("off by",),
}
SHOWS = {
    "digits-kmeans": CLUSTERS,
    "iris-kmeans": CLUSTERS,
    "diabetes-linear-regression": NUMBERS,
    "abalone-xgboost": NUMBERS,
}
"""What the panes of the results say, by recipe; a classification's words are the rest's."""
NEVER = ("✗ wrong", "0 of ")
"""What no answer without a right and a wrong may be told as."""


def status(app, step):
    return app.control.model.step(step).status


def pane_text(app):
    """Return all that the pane draws, also what is below the edge of the screen."""
    widgets = app.screen.pane.query("Static")
    found = [str(widget.render()) for widget in widgets if widget.display and widget.content]
    return "\n".join(found)


async def open_recipe(app, pilot, wait_until, name):
    """Search for a recipe on Home as a person would, and start it."""
    await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
    await pilot.press("slash", *name)
    recipes = app.screen.query_one("#recipes", OptionList)
    await wait_until(
        pilot, lambda: name in [option.id for option in recipes.options] and len(recipes.options) < 4
    )
    # Another recipe may name this one in its summary, and then both fit.
    for _ in range(recipes.options.index(recipes.get_option(name)) - (recipes.highlighted or 0)):
        await pilot.press("down")
    await wait_until(pilot, lambda: recipes.highlighted_option.id == name)
    await pilot.press("enter")
    await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
    assert app.control.model.recipe == name


async def do_step(app, pilot, wait_until, step, seconds):
    await wait_until(pilot, lambda: app.screen.place == step and not app.control.busy)
    await pilot.press("enter")
    await wait_until(
        pilot,
        lambda: (
            isinstance(app.screen, ErrorDialog)
            or (status(app, step) in ("done", "failed") and not app.control.busy)
        ),
        seconds=seconds,
    )
    assert status(app, step) == "done", app.control.model.error


async def walk(app, pilot, wait_until, *, seconds=60.0, look=None):
    """Press Enter from the first place to the last; `look(place)` sees each finished pane."""
    for _ in range(12):
        place = app.screen.place
        if place == "algorithm":
            await wait_until(pilot, lambda: app.screen.pane.query_one("OptionForm").current is not None)
            asked = [option.path for option in app.control.recipe.asked("train")]
            first = list(app.screen.pane.query("FormRow"))[: len(asked)]
            assert [row.option.path for row in first] == asked
            states = [str(row.query_one(".form-state").render()) for row in first]
            assert all(
                state in ("you decide", "for you to decide") or state.startswith("~ changed")
                for state in states
            )
        else:
            await do_step(app, pilot, wait_until, place, seconds)
            if look is not None:
                await look(place)
        if place == "teardown":
            return
        await pilot.press("enter")
        await wait_until(pilot, lambda place=place: app.screen.place != place)
        await pilot.pause()
    raise AssertionError("the walk has no end")


def settings_for(name, sandbox_settings):
    folder = NEEDS.get(name)
    if folder is None:
        return sandbox_settings
    if not (DATA / folder).exists():
        pytest.skip(f"{DATA / folder} is not there; set SAGEWIZARD_TEST_DATA")
    return dataclasses.replace(sandbox_settings, data=DATA)


def recipes():
    marks = {
        "mnist-linear-learner": pytest.mark.thorough,
        # Each kind of recipe is walked in the ordinary suite; these are like another one.
        "abalone-xgboost": pytest.mark.thorough,
        "breast-cancer-xgboost": pytest.mark.thorough,
        "iris-kmeans": pytest.mark.thorough,
    }
    return [
        pytest.param(name, marks=marks.get(name, ())) for name in sorted(finding.shipped()) if name != OWN
    ]


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_is_walked_from_home_to_its_teardown(sandbox_settings, wait_until, name):
    settings = settings_for(name, sandbox_settings)

    async def go():
        app = SageWizardApp(settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await open_recipe(app, pilot, wait_until, name)
            expected = SHOWS.get(name, CLASSES)
            if name == "mnist-linear-learner":  # all 48,000 rows, three times instead of fifteen
                assert app.control.set_option("train.epochs", "3") == ""

            async def look(place):
                for words in expected.get(place, ()):
                    await wait_until(pilot, lambda words=words: words in pane_text(app))
                if place in expected and expected is not CLASSES:
                    assert not [words for words in NEVER if words in pane_text(app)]
                if place == "train":
                    chart = str(app.screen.pane.query_one("#train-chart").render())
                    assert "The curves appear" not in chart

            await walk(app, pilot, wait_until, seconds=120, look=look)
            model = app.control.model
            await wait_until(pilot, lambda: "the target's own words" in pane_text(app))
            assert not [view for view in model.alive.values() if view.kind != "s3-prefix"]
            assert {"endpoint", "endpoint-config", "model"} <= {view.kind for view in model.gone}

    asyncio.run(go())


@pytest.mark.slow
def test_a_tuning_is_switched_on_planned_watched_and_its_best_deployed(sandbox_settings, wait_until):
    async def go():
        app = SageWizardApp(settings_for("vertebral-xgboost", sandbox_settings))
        app.look_for_idle = lambda: None
        async with app.run_test(size=(120, 40)) as pilot:
            await open_recipe(app, pilot, wait_until, "vertebral-xgboost")
            model = app.control.model
            app.control.start_step("train")
            await wait_until(pilot, lambda: status(app, "train") == "done" and not app.control.busy)
            app.screen.show("train")
            await wait_until(pilot, lambda: app.screen.place == "train")
            assert "t switches on" in pane_text(app)
            await pilot.press("t")
            await wait_until(pilot, lambda: app.screen.place == "tune")
            pane = app.screen.pane
            await wait_until(pilot, lambda: pane.plan is not None)
            text = pane_text(app)
            for words in (
                "10 training jobs, 2 at a time", "on AWS it would take about 20 min, about $0.1",
                "nothing to pay",
                "validation:auc as high as it gets", "alpha", "0 to 100", "0.1 to 0.3",
            ):  # fmt: skip
                assert words in text, words
            assert not [call for call in model.calls if "HyperParameter" in call.event.operation]
            assert app.control.set_option("tune.jobs", "4") == ""
            await wait_until(pilot, lambda: "4 training jobs" in pane_text(app))
            curves = {name: list(metric.points) for name, metric in model.metrics.items()}
            await pilot.press("enter")
            await wait_until(pilot, lambda: bool(model.tuning.trials))
            await wait_until(
                pilot, lambda: status(app, "tune") == "done" and not app.control.busy, seconds=60
            )
            assert {name: list(metric.points) for name, metric in model.metrics.items()} == curves
            best = model.tuning.best
            assert best.objective == max(trial.objective for trial in model.tuning.trials.values())
            await wait_until(pilot, lambda: "4 of 4 jobs done" in pane_text(app))
            text = pane_text(app)
            for words in (
                f"★ Best: job {best.number}", "in the order of their creation", "validation:auc against each",
                "● best so far   × each job",
            ):  # fmt: skip
                assert words in text, words
            panels = text.partition("against each")[2]
            assert [name for name in best.hyperparameters if name not in panels] == []
            assert panels.count("●") == 1 + len(best.hyperparameters)
            await pilot.press("v")
            await wait_until(pilot, lambda: "by objective, the best first" in pane_text(app))
            table = str(pane.query_one("#tune-table").render()).splitlines()
            assert table[3].split()[0] == str(best.number)
            assert f"Deploy the model of job {best.number}, the best" in pane.primary().label
            await pilot.press("b")
            await wait_until(
                pilot, lambda: app.screen.place == "deploy" and status(app, "deploy") == "done", seconds=60
            )
            created = next(c.event for c in model.calls if c.event.operation == "CreateModel")
            assert best.name in str(created.request)
            app.control.teardown()
            await wait_until(pilot, lambda: not [v for v in model.alive.values() if v.kind != "s3-prefix"])

    asyncio.run(go())


def test_a_tuning_that_is_stopped_keeps_what_is_done(sandbox_settings, wait_until):
    async def go():
        app = SageWizardApp(sandbox_settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await open_recipe(app, pilot, wait_until, "digits-linear-learner")
            control, model = app.control, app.control.model
            assert control.set_option("tune.enabled", "true") == ""
            assert control.set_option("tune.jobs", "60") == ""
            app.screen.show("algorithm")
            await wait_until(pilot, lambda: "tune" in model.steps)
            control.start_step("tune")
            await wait_until(pilot, lambda: model.tuning.best is not None, seconds=60)
            app.screen.show("tune")
            await wait_until(pilot, lambda: app.screen.place == "tune")
            await pilot.press("s")
            await answer(app, pilot, wait_until)
            await wait_until(pilot, lambda: status(app, "tune") == "done" and not control.busy, seconds=60)
            over = [trial for trial in model.tuning.trials.values() if trial.objective is not None]
            assert 1 <= len(over) < 60
            assert "stopped: what is done counts" in pane_text(app)
            assert "was stopped after" in pane_text(app)
            assert "the best" in app.screen.pane.primary().label

    asyncio.run(go())


async def answer(app, pilot, wait_until):
    """Say yes to the question on the screen."""
    await wait_until(pilot, lambda: isinstance(app.screen, Confirm))
    await pilot.press("right", "enter")
    await wait_until(pilot, lambda: isinstance(app.screen, RunScreen))


def test_own_data_is_given_by_path_and_its_label_column_is_asked_for(sandbox_settings, wait_until, tmp_path):
    rows = [f"{n},{n % 7},{'yes' if n % 3 == 0 else 'no'}" for n in range(120)]
    path = tmp_path / "visits.csv"
    path.write_text("\n".join(["minutes,pages,bought", *rows]) + "\n", encoding="utf-8")

    async def go():
        app = SageWizardApp(sandbox_settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await open_recipe(app, pilot, wait_until, OWN)
            assert "Choose your CSV file" in app.screen.pane.primary().label
            await pilot.press("enter")
            await wait_until(pilot, lambda: isinstance(app.screen, OwnDataScreen))
            app.screen.query_one("#own-path").value = str(path)
            await pilot.press("enter")
            label = app.screen.query_one("#own-label")
            await wait_until(pilot, lambda: label.has_focus)
            columns = str(app.screen.query_one("#own-columns").render())
            for words in ("120 rows, 3 columns, a header", "minutes", "pages", "bought"):
                assert words in columns, words
            assert label.value == "bought"
            await pilot.press("enter")
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen))
            await wait_until(pilot, lambda: app.screen.place == "dataset" and "visits.csv" in pane_text(app))

            async def look(place):
                if place == "dataset":
                    notes = [message for _step, message in app.control.model.notes]
                    assert any("bought" in message for message in notes), notes
                    await wait_until(pilot, lambda: all(words in pane_text(app) for words in notes))
                if place == "evaluate":
                    await wait_until(pilot, lambda: "accuracy" in pane_text(app))

            await walk(app, pilot, wait_until, look=look)
            assert not [v for v in app.control.model.alive.values() if v.kind != "s3-prefix"]

    asyncio.run(go())


def test_a_step_that_begins_while_the_test_set_is_sent_stops_that_cleanly(sandbox_settings, wait_until):
    async def go():
        app = SageWizardApp(sandbox_settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await open_recipe(app, pilot, wait_until, "digits-linear-learner")
            control = app.control
            assert control.set_option("predict.requests", "360") == ""
            control.start_step("predict")
            await wait_until(pilot, lambda: status(app, "predict") == "done" and not control.busy)
            app.screen.show("predict")
            await wait_until(
                pilot, lambda: app.screen.place == "predict" and app.screen.pane.rows is not None
            )
            pane = app.screen.pane
            # In one turn of the loop: however slow the machine, the test set is not at its end yet.
            pane.action_predict_test_set()
            assert pane._cancel is not None
            assert control.start_step("transform")
            await wait_until(
                pilot, lambda: status(app, "transform") in ("done", "failed") and not control.busy
            )
            assert status(app, "transform") == "done", control.model.error
            assert isinstance(app.screen, RunScreen)
            await wait_until(pilot, lambda: pane._cancel is None)
            control.teardown()
            await wait_until(pilot, lambda: not [v for v in control.model.alive.values() if v.hourly_usd])

    asyncio.run(go())


def test_a_download_is_shown_with_how_much_has_come(settings, wait_until):
    from sagewizard.events import StepProgressed, StepStarted, StepText

    async def go():
        app = SageWizardApp(settings)
        app.look_for_idle = lambda: None
        async with app.run_test(size=(80, 24)) as pilot:
            await open_recipe(app, pilot, wait_until, "vertebral-xgboost")
            model = app.control.model
            about = {"run_id": "r", "time": 0.0, "step": "dataset"}
            begun = StepStarted(**about, sequence=1, number=1, total=9, text=StepText("Get the data"))
            app.control.post(lambda: model.apply(begun))
            for sequence, (done, words) in enumerate(
                (
                    (0.0, "0%  0 bytes of 4.0 MB"),
                    (1e6, "25%  1.0 MB of 4.0 MB"),
                    (4e6, "100%  4.0 MB of 4.0 MB"),
                ),
                start=2,
            ):
                event = StepProgressed(
                    **about,
                    sequence=sequence,
                    message="Downloading from UCI",
                    done=done,
                    total=4e6,
                    unit="bytes",
                )
                app.control.post(lambda event=event: model.apply(event))
                await wait_until(pilot, lambda words=words: words in pane_text(app))
                assert "▶ Downloading from UCI" in pane_text(app)
            unknown = StepProgressed(
                **about, sequence=9, message="Downloading from UCI", done=5.0, unit="bytes"
            )
            app.control.post(lambda: model.apply(unknown))
            await wait_until(pilot, lambda: "%" not in pane_text(app).partition("Sources")[0])

    asyncio.run(go())
