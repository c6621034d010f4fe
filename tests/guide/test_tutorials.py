"""Both tutorials through both front ends, on their real data: keys in a pipe, and a file of answers."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from sagewizard.guide.prompts import QuestionaryFront

from .conftest import ANSWERS

ENTER, DOWN = "\r", "\x1b[B"
MNIST_AGAIN = r"""
  sagewizard run mnist-linear-learner \
      --set train.epochs=5 \
      --set predict.requests=10
"""


def keys_of(guide, keys: str, recipe: str):
    """Drive the guide with keys, as typed into a terminal."""
    with create_pipe_input() as pipe:
        pipe.send_text(keys)
        return guide(
            lambda voice: QuestionaryFront(voice, source=pipe, output=DummyOutput()),
            recipe=recipe,
            plain=False,
        )


def plain(environ, recipe: str, answers: str, *, code: int = 0, **more: str) -> str:
    """Run `guide --plain` on a dumb terminal's environment with answers on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "sagewizard", "guide", "--plain", recipe], input=answers, text=True,
        env={**environ, "TERM": "dumb", **more}, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-3000:] + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def figures(text: str) -> dict[str, float]:
    """Return the metrics that were said."""
    found = re.findall(r"^ +(accuracy|precision|recall|F1):? +([0-9.]+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def holds_for_a_screen_reader(text: str) -> None:
    assert "\x1b" not in text
    assert "\r" not in text
    assert not re.search(r"[─│┌┐└┘█▀░┤]", text)
    # An address stays in one piece, however long it is.
    assert all(len(line) <= 80 or len(line.split()) == 1 for line in text.splitlines())
    assert not re.search(r"threshold +TP|job +auc", text), "a table is read aloud number after number"


@pytest.mark.slow
def test_keys_lead_through_the_mnist_tutorial(guide, data_folder):
    # The recipe is named, so the first question is whose data; then Enter is right everywhere, after a new
    # value for the first hyperparameter, and fewer requests.
    changed = DOWN + ENTER + "5" + ENTER
    fewer = DOWN * 2 + ENTER + "10" + ENTER
    keys = ENTER * 2 + changed + ENTER * 3 + fewer + ENTER * 8
    code, said, session = keys_of(guide, keys, "mnist-linear-learner")
    assert code == 0, said
    assert session.recipe.value("train.epochs") == "5"
    assert "expected not 0, predicted not 0: right" in said
    assert figures(said)["F1"] > 0.93
    assert said.count(": gone.") == 3
    assert MNIST_AGAIN in said
    assert not session.alive()


@pytest.mark.slow
def test_keys_lead_through_the_vertebral_tutorial(guide, data_folder):
    code, said, session = keys_of(guide, ENTER * 14, "vertebral-xgboost")
    assert code == 0, said
    assert figures(said)["accuracy"] > 0.7
    assert "sagewizard run vertebral-xgboost\n" in said
    assert not session.alive()


@pytest.mark.thorough
def test_a_file_of_answers_leads_through_the_mnist_tutorial(environ, data_folder):
    said = plain(environ, "mnist-linear-learner", (ANSWERS / "mnist-linear-learner.txt").read_text())
    holds_for_a_screen_reader(said)
    assert figures(said)["F1"] > 0.93
    assert "Test row 7: expected" in said
    assert "Confusion matrix at the threshold 0.5" in said
    assert MNIST_AGAIN in said


@pytest.mark.slow
def test_a_file_of_answers_leads_through_the_vertebral_tutorial(environ, data_folder):
    said = plain(environ, "vertebral-xgboost", (ANSWERS / "vertebral-xgboost.txt").read_text())
    holds_for_a_screen_reader(said)
    assert "0 is out of range" in said
    assert "2 training jobs" in said or "2 jobs" in said
    assert said.count(": gone.") >= 3
    for part in ("train.num_round=20", "tune.enabled=true", "tune.jobs=2"):
        assert f"--set {part}" in said
