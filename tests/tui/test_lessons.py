"""What a lesson shows: the question at once, its answer after the step, the instructor's note on request."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.events import StepText
from sagewizard.tui.panes.train import TrainPane
from sagewizard.tui.views import StepView

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = StepText("Train", "It trains.", question="Will it?", answer="It will.", instructor="Let them guess.")


@pytest.fixture
def lesson(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def made(status: Any, *, instructor: bool = False) -> str:
        view = dataclasses.replace(StepView("train", 4), text=TEXT, status=status)
        app = type("App", (), {"instructor": instructor})()
        monkeypatch.setattr(TrainPane, "view", property(lambda _self: view))
        monkeypatch.setattr(TrainPane, "app", property(lambda _self: app))
        return TrainPane.explain(object.__new__(TrainPane))

    return made


def test_the_answer_waits_for_the_end_of_the_step(lesson: Callable[..., str]) -> None:
    before, after = lesson("running"), lesson("done")
    assert "Will it?" in before
    assert "It will." not in before
    assert "when the step is done" in before
    assert "It will." in after


def test_the_note_is_for_the_instructor_alone(lesson: Callable[..., str]) -> None:
    assert "Let them guess." not in lesson("done")
    assert "Let them guess." in lesson("done", instructor=True)
