"""The view state of a recorded run, the verbs' answers, and a step's calls as a script."""

from __future__ import annotations

import ast
import time

import pytest

from sagewizard.codegen.calls import script
from sagewizard.engine import journal
from sagewizard.errors import DataError, SageWizardError
from sagewizard.recipe import finding
from sagewizard.tui import model as t
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
