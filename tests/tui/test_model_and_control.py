"""The view state of a recorded run, the verbs' answers, and a step's calls as a script."""

from __future__ import annotations

import ast
import time

import pytest

from sagewizard.codegen.calls import script
from sagewizard.engine import journal
from sagewizard.errors import DataError, SageWizardError
from sagewizard.recipe import finding
from sagewizard.tui import topics as t
from sagewizard.tui.control import RunControl
from sagewizard.tui.model import RunModel
from sagewizard.tui.problems import detail_of

RUN = "20261121-025731-ddb9"


@pytest.fixture
def model(recorded):
    found = RunModel()
    for event in journal.read(recorded.runs / RUN / journal.NAME):
        found.apply(event)
    return found


def drained(control, condition):
    """Fold in what workers leave until something holds."""
    changed = set()
    for _ in range(2_000):
        changed |= control.drain()
        if condition():
            return changed
        time.sleep(0.005)  # workers are real threads
    raise AssertionError("it never came to hold")


def test_a_journal_folds_into_the_state_of_a_finished_run(model):
    assert [view.status for view in model.steps.values()] == ["done"] * 9
    assert model.next_step() == ""
    assert model.job("training-job").status == "Completed"
    assert model.job("endpoint").status == "Deleted"
    assert not model.alive
    assert {view.kind for view in model.gone} == {"endpoint", "endpoint-config", "model"}
    epochs = [epoch for epoch, _value in model.metrics["train:objective_loss"].points]
    assert epochs == sorted(set(epochs))
    assert model.dataset.rows == {"train": 1077, "validation": 360, "test": 360}
    assert model.evaluation.metrics["f1"] > 0.9
    assert not model.running


def test_a_step_that_is_done_again_makes_later_ones_wait(recorded):
    found = RunModel()
    events = list(journal.read(recorded.runs / RUN / journal.NAME))
    for event in events:
        found.apply(event)
    again = next(e for e in events if type(e).__name__ == "StepStarted" and e.step == "train")
    assert found.apply(again) >= {t.STEPS, t.METRICS}
    assert found.step("train").status == "running"
    assert found.step("prepare").status == "done"
    assert found.step("deploy").status == "waiting"
    assert found.metrics == {}


def test_a_run_is_opened_as_it_was_left(recorded):
    control = RunControl(recorded)
    opened = []
    control.open_run(RUN, lambda: opened.append(True))
    drained(control, lambda: bool(opened))
    assert control.model.run_id == RUN
    assert control.recipe.name == "digits-linear-learner"
    assert control.command("train") == "sagewizard run digits-linear-learner --until train"


def test_options_are_checked_set_reset_and_told_apart_from_the_recipe(settings):
    control = RunControl(settings)
    control.open_recipe(finding.load("digits-linear-learner"))
    assert "whole number" in control.check_option("train.epochs", "0")
    assert control.set_option("train.epochs", "0") != ""
    assert control.changes() == {}
    assert control.set_option("train.epochs", "4") == ""
    assert control.changes() == {"train.epochs": ("15", "4")}
    assert "--set train.epochs=4" in control.command("train")
    control.reset_option("train.epochs")
    assert control.changes() == {}


def test_a_changed_option_of_a_finished_step_is_stale_until_it_is_done_again(recorded):
    control = RunControl(recorded)
    opened = []
    control.open_run(RUN, lambda: opened.append(True))
    drained(control, lambda: bool(opened))
    control.set_option("train.epochs", "4")
    assert control.stale == "train"
    control.set_option("dataset.seed", "8")
    assert control.stale == "dataset"


def test_a_worker_s_errors_arrive_as_ours_in_the_interface_s_thread(settings):
    control = RunControl(settings)
    heard = []
    control.on_error = heard.append
    control.call(lambda: 1 / 0)

    def refuse():
        raise DataError("no", file="a.csv", row=3)

    control.call(refuse, on_error=heard.append)
    drained(control, lambda: len(heard) == 2)
    assert all(isinstance(error, SageWizardError) for error in heard)
    fault = next(error for error in heard if not isinstance(error, DataError))
    assert "ZeroDivisionError" in fault.message
    assert "Traceback" in detail_of(fault)


def test_the_calls_of_every_step_are_a_script_that_python_reads(model):
    for step in ("prepare", "train", "deploy", "predict", "transform", "teardown"):
        text = script(model.calls_of(step), step=step, region="us-east-1")
        ast.parse(text)
        assert "import boto3" in text
    text = script(model.calls_of("train"), step="train", region="us-east-1")
    assert "sagemaker.create_training_job(" in text
    assert "sw-20261121-025731-ddb9-train" in text
    assert script([]) == ""


def test_the_places_of_the_data_are_named_as_the_data_itself_names_them():
    from sagewizard.data import abalone, mnist, vertebral
    from sagewizard.data.bundled import BUNDLED
    from sagewizard.data.datasets import NAMES
    from sagewizard.tui.sources import FETCHED, sources_of

    files = {"abalone": abalone.FILE, "mnist": mnist.FILE, "vertebral": vertebral.FILE}
    assert {name: tuple(a.label for a in file.addresses) for name, file in files.items()} == FETCHED
    for name in NAMES:
        assert ("scikit-learn" in sources_of(name)[0]) == (name in BUNDLED), name


def test_curves_on_different_scales_are_drawn_in_charts_of_their_own():
    from sagewizard.tui.model import RunModel
    from sagewizard.tui.panes.train import charts_of
    from sagewizard.tui.views import Metric

    model = RunModel()
    for name, values in (("train:objective_loss", (0.9, 0.5)), ("validation:objective_loss", (6e3, 4e3))):
        model.metrics[name] = Metric(name, points=list(enumerate(values)))
    (first, shown), (second, other) = charts_of(model, normalised=True)
    assert [name for name, _points in shown] == ["validation:objective_loss"]
    assert first == "validation loss by epoch · v: train loss"
    assert [name for name, _points in other] == ["train:objective_loss"]
    assert second == "train loss by epoch, of normalised labels · v: validation loss"
    model.metrics["validation:objective_loss"] = Metric("v", points=[(0, 0.7), (1, 0.3)])
    ((title, both),) = charts_of(model)
    assert title == "loss by epoch"
    assert len(both) == 2
