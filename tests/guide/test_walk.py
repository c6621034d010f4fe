"""The way through the guide: back, help, wrong answers, Ctrl-C at each part and in a job, resume, saving."""

from __future__ import annotations

import os
import shlex
import signal

import pytest

from sagewizard import events as ev
from sagewizard.cli import main
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Ledger
from sagewizard.guide.asking import EndOfAnswers
from sagewizard.guide.progress import Progress
from sagewizard.guide.session import unfinished
from sagewizard.recipe import finding
from sagewizard.sandbox import launcher

from .conftest import PROJECT, Scripted

KMEANS, DIGITS, DIABETES = "iris-kmeans", "digits-linear-learner", "diabetes-linear-regression"
PARTS = ("Which data?", "Seen it?", "Train with these?", "Begin?", "Deploy?", "Predict?", "Predict more?",
         "Transform?", "Judge the model?", "Tear down?", "Save your answers")  # fmt: skip


def test_ctrl_c_at_every_question_leaves_a_run_that_goes_on_there(guide):
    for part in PARTS:

        class UntilPart(Scripted):
            def _next(self, question, part=part):
                self.asked.append(question)
                if question.startswith(part):
                    raise KeyboardInterrupt
                return ""

        front = UntilPart()
        code, said, session = guide(front, recipe=KMEANS)
        assert code == 130
        assert "Stopped." in said
        if part == "Which data?":
            assert "Nothing was created." in said
            continue
        assert f"sagewizard runs resume {session.run_id}" in said
        if part in ("Predict?", "Predict more?", "Transform?", "Judge the model?", "Tear down?"):
            assert f"sagewizard teardown {session.run_id}" in said
            assert "/h until it is deleted" in said
        elif part != "Save your answers":
            assert "Nothing of it is alive." in said
        if part not in ("Which data?", "Seen it?"):
            assert front.asked[0] == "Go on?"
    assert states.load(session.settings.runs / session.run_id).step("teardown").status == "finished"
    # Nothing is left to go on with, so the next one begins anew.
    assert unfinished(session.settings, KMEANS, "sandbox") is None


def test_ctrl_c_in_a_training_job_says_what_is_alive_and_resumes(guide, monkeypatch):
    hear = Progress.hear

    def interrupt(self, event):
        if isinstance(event, ev.JobStatusChanged) and event.resource == "training-job":
            os.kill(os.getpid(), signal.SIGINT)
        hear(self, event)

    monkeypatch.setattr(Progress, "hear", interrupt)
    code, said, session = guide(Scripted(), recipe="breast-cancer-xgboost")
    assert code == 130
    assert f"\n  sagewizard guide breast-cancer-xgboost\n  sagewizard runs resume {session.run_id}\n" in said
    monkeypatch.setattr(Progress, "hear", hear)
    code, said, again = guide(Scripted(), recipe="breast-cancer-xgboost")
    assert (code, again.run_id) == (0, session.run_id)
    assert "(right)" in said
    assert not again.alive()


def test_the_end_of_the_answers_has_words_of_its_own(guide):
    code, said, _session = guide(Scripted("", otherwise=EndOfAnswers))
    assert code == 130
    assert "The answers have ended before the guide did" in said
    assert "Nothing was created." in said


def test_back_help_and_wrong_answers_all_lead_to_a_whole_run(guide, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    front = Scripted(
        "b", "?", DIGITS, "b", "?", DIGITS,  # the recipe, back to it, its help
        "go", "preview.rows", "0", "?", "5", "go",  # five rows to look at
        "go", "b", "go",  # from the hyperparameters back to the preview
        "train.epochs", "b", "train.epochs", "lots", "3", "all", "train.loss", "b", "done", "go",
        "?", "train",  # train
        "deploy.ttl", "b", "deploy.ttl", "?", "soon", "2h", "go", "go",  # deploy for a while, predict
        "row", "0", "2", "random", "several", "2", "values", "1,2", "b", "go",
        "go", "go", "try", "2", "0.4", "keep", "go",  # transform, results, another threshold
        "go", "yes", "Not A Name", "of-mine", "",
    )  # fmt: skip
    code, said, session = guide(front)
    assert code == 0, said
    assert not front.answers
    assert "There is nothing before this question." in said
    assert "preview.rows" in session.recipe.settings
    for told in ("0 is out of range", "'lots' is not a whole number",
                 "'0' is not a whole number from 1 to 360",
                 "'soon' is not a length of time such as 2h", "deletes itself 2 h 00 min after its last use",
                 "a schedule at AWS does it",
                 "2 values were given", "2 is out of range", "cannot be the name of a recipe"):  # fmt: skip
        assert told in said.replace("\n", " "), told
    assert "What counts as an error" in said
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("$ sagewizard guide digits-linear-learner\n...\n")[1].split("```")[0].splitlines()
    for line in shown:
        words = line.lstrip("»? ").split(" (arrows")[0]
        assert words in said or words in (*front.asked, *front.offered), words
    assert session.recipe.value("evaluate.threshold") == 0.4
    written = finding.load(tmp_path / "of-mine.yaml")
    assert written.value("train.epochs") == "3"
    assert written.value("evaluate.threshold") == 0.4
    assert main(["recipes", "validate", "of-mine.yaml"]) == 0
    again = said[said.index("The same again, in one command:") :].split("Save your")[0].splitlines()[1:]
    words = shlex.split("\n".join(again))
    assert words[:3] == ["sagewizard", "run", DIGITS]
    assert {"train.epochs=3", "evaluate.threshold=0.4", "preview.rows=5"} <= set(words)
    assert words[words.index("--ttl") + 1] == "2h"
    made = Ledger(session.settings.ledger).of_run(session.run_id)
    assert [row.deleted is not None for row in made if row.kind == "schedule"] == [True]


def test_where_the_endpoint_may_not_delete_itself_the_person_goes_on_without(guide, home):
    class Without(Scripted):
        def _next(self, question):
            self.asked.append(question)
            return "without" if question.startswith("What now?") else ""

    front = Without()
    launcher.ensure(home)
    denied = b"format_version: 1\nfaults:\n- {calls: CreateSchedule, error: denied}\n"
    launcher.set_faults(home, denied)
    try:
        code, said, session = guide(front, recipe=KMEANS, assigned={"deploy.ttl": "1h"})
    finally:
        launcher.set_faults(home, None)
    told = " ".join(said.split())
    assert code == 0, said
    assert front.asked.count("What now?") == 1
    assert "would not delete itself, so it was not made" in told
    assert "sagewizard doctor --target aws --create-ttl-role" in told
    assert "It stays, and costs money, until it is torn down." in told
    assert "--ttl 1h" in told
    assert "--ttl-else continue" in told
    assert not session.alive()


def test_going_back_and_changing_a_hyperparameter_trains_again(guide):
    front = Scripted("", "", "", "", "b", "b", "train.epochs", "4", "", "", otherwise="")
    code, said, session = guide(front, recipe=DIABETES)
    assert code == 0
    trained = [event for event in session.told if isinstance(event, ev.StepStarted) and event.step == "train"]
    assert [event.options["epochs"] for event in trained][-1] == "4"
    assert len(trained) == 2
    assert "rmse" in said.lower()


def test_a_csv_of_ones_own_takes_the_place_of_the_data(guide, tmp_path):
    path = tmp_path / "flowers.csv"
    lines = [f"{n % 7},{n % 5},{'yes' if n % 7 > 3 else 'no'}" for n in range(140)]
    path.write_text("\n".join(["a,b,answer", *lines]))
    front = Scripted("own-csv", str(tmp_path / "none.csv"), str(path), "", "", otherwise="")
    code, said, session = guide(front, recipe=DIGITS)
    assert code == 0, said
    assert "140 rows, 3 columns" in said
    assert session.recipe.settings["dataset.path"] == str(path)
    assert "run own-csv" in said
    assert f"--set dataset.path={path} " in said
    assert "dataset.algorithm=linear-learner" in said


def test_stopping_for_the_day_is_no_interruption(guide):
    code, said, session = guide(Scripted("", "stop"), recipe="digits-kmeans")
    assert code == 0
    assert f"sagewizard runs resume {session.run_id}" in said.replace("\n", " ")


@pytest.mark.parametrize(("named", "assigned"), [("no-such", {}), (DIGITS, {"train.epochs": "0"})])
def test_what_was_wrong_on_the_command_line_is_told_before_any_question(guide, named, assigned):
    from sagewizard.errors import UsageError

    front = Scripted()
    try:
        code, _said, session = guide(front, recipe=named, assigned=assigned)
    except UsageError:  # the command shows it
        return
    assert code == 2
    assert not front.asked
    assert not session.run_id
