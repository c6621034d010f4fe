"""The README's facts: its commands, its Python, its output, as they stand there, against the program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def block(start: str) -> str:
    """Return the fenced block that begins with a text."""
    return next(text for _kind, text in BLOCKS if text.startswith(start))


def test_the_two_commands_stand_there_as_ci_runs_them():
    assert "python -m pip install . && sagewizard run digits-linear-learner\n" in README
    assert "python -m pip install '.[test]' && pytest\n" in README
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^python -m pip install (--quiet )?'\.\[test\]'$", ci, re.MULTILINE)
    assert re.search(r"^pytest$", ci, re.MULTILINE)


def test_the_python_of_the_readme_prints_what_stands_below_it(command):
    script = block("import sagewizard")
    assert len(script.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", script], env=command.environ(), capture_output=True, text=True, timeout=240,
        check=True,
    )  # fmt: skip
    assert done.stdout == block("accuracy   ")


def test_the_run_of_the_readme_prints_its_results(command):
    printed = command("run", "digits-linear-learner", "--quiet").stdout.splitlines()
    shown = block("$ sagewizard run").splitlines()
    results = shown[shown.index("...") + 1 :]
    for line in results:
        if line != "...":
            assert any(found.startswith(line.split("<$")[0]) for found in printed), line


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


def test_every_command_it_names_exists(command):
    known = command("--help").stdout
    for name in set(re.findall(r"sagewizard ([a-z]+)", README)):
        assert re.search(rf"^ +{name}\b", known, re.MULTILINE), name


@pytest.mark.parametrize("start", ["$ sagewizard recipes new", "$ sagewizard explain"])
def test_short_commands_print_what_stands_below_them(command, start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, *shown = block(start).splitlines()
    done = command(*first.removeprefix("$ sagewizard ").split())
    assert done.stdout.splitlines() == shown
