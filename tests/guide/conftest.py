"""What the guide's tests share: one sandbox, a home each test may dirty, real data, a script of answers."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from sagewizard.cli.terminal import Console
from sagewizard.guide.session import Session
from sagewizard.guide.voice import Voice
from sagewizard.guide.walk import Walk
from sagewizard.render.ink import Ink
from sagewizard.settings import Settings
from sagewizard.targets import open_target

ANSWERS = Path(__file__).with_name("answers")
PROJECT = Path(__file__).resolve().parents[2]


class Scripted:
    """A front end that answers from a list: a value of a choice, a text, or an exception to raise.

    After the list it answers `otherwise`: "" is the default of every question.
    """

    def __init__(
        self, *answers: str | BaseException | type[BaseException], otherwise: str | type = ""
    ) -> None:
        self.answers = list(answers)
        self.otherwise = otherwise
        self.asked: list[str] = []
        self.offered: list[str] = []

    def choose(self, question, choices, default):
        answer = self._next(question)
        known = [choice.value for choice in choices]
        self.offered += [choice.title for choice in choices]
        assert answer in ("", "b", "?", *known), f"{question}: {answer!r} is none of {known}"
        return answer or default

    def text(self, question, default):
        return self._next(question)

    def _next(self, question):
        self.asked.append(question)
        answer = self.answers.pop(0) if self.answers else self.otherwise
        if not isinstance(answer, str):
            raise answer
        return answer


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """One home with one sandbox server for all of these tests."""
    from sagewizard.sandbox import launcher

    settings = Settings(home=tmp_path_factory.mktemp("guide-home"), data=_data())
    yield settings
    launcher.stop(settings, force=True)


@pytest.fixture
def environ(home):
    """The environment of a command over that home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SAGEWIZARD_", "AWS_")) and name not in ("NO_COLOR", "LANGUAGE", "COLUMNS")
    }
    data = {} if home.data is None else {"SAGEWIZARD_DATA": str(home.data)}
    path = os.pathsep.join([str(PROJECT), *filter(None, [kept.get("PYTHONPATH", "")])])
    return {**kept, **data, "PYTHONPATH": path, "SAGEWIZARD_HOME": str(home.home), "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def data_folder():
    found = _data()
    if found is None or not (found / "mnist" / "mnist.pkl.gz").is_file():
        pytest.skip("there is no MNIST; SAGEWIZARD_TEST_DATA names the folder")
    return found


def _data() -> Path | None:
    folder = Path(os.environ.get("SAGEWIZARD_TEST_DATA", PROJECT.parent / "shared" / "data")).resolve()
    return folder if folder.is_dir() else None


@pytest.fixture
def guide(home):
    """Go through the guide with a front end; returns (exit code, what was said, the session)."""

    def go(front, *, recipe=None, assigned=None, plain=True, settings=home, columns=80):
        out = io.StringIO()
        ink = Ink("none", True, columns)
        voice = Voice(Console(out, ink, terminal=False, movable=False), plain=plain)
        session = Session(
            settings, "sandbox", lambda name, region: open_target(name, settings, region=region)
        )
        front = front(voice) if callable(front) else front
        code = Walk(front, voice, session).run(recipe, assigned or {})
        return code, out.getvalue(), session

    return go
