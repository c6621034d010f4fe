"""`replay`, `runs export` and `runs compare` as a person meets them on the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sagewizard.cli import main
from sagewizard.engine import comparing, history
from sagewizard.engine import state as states


@pytest.fixture
def home(settings, own_run, monkeypatch):
    monkeypatch.setenv("SAGEWIZARD_HOME", str(settings.home))
    monkeypatch.delenv("SAGEWIZARD_DATA", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return settings


def report_of(settings, run_id):
    """The report that `run` printed at the end of this run."""
    from sagewizard.aws.prices import TablePrices
    from sagewizard.cli.report import final_report
    from sagewizard.cli.run import Outcome
    from sagewizard.engine import journal
    from sagewizard.recipe import finding
    from sagewizard.render.ink import Ink
    from sagewizard.target import Target

    outcome = Outcome()
    for event in journal.read(settings.runs / run_id / "journal.jsonl"):
        outcome.take(event)
    outcome.start = dataclasses.replace(outcome.start, folder=str(settings.runs / run_id))
    target = Target(
        name="sandbox", region="us-east-1", account_id="", role_arn="", bucket="", prices=TablePrices(),
        simulated=True, poll_seconds=1.0,
    )  # fmt: skip
    recipe = finding.load("vertebral-xgboost")
    ink = Ink(width=80)
    return final_report(outcome, recipe, target, "vertebral-xgboost", outcome.end, ink)


def test_the_report_is_the_runs_own_but_for_the_mark(home, own_run, capsys):
    assert main(["replay", own_run, "--speed", "max"]) == 0
    out, err = capsys.readouterr()
    mark, *rest = out.splitlines()
    assert mark.startswith("RECORDED on 20") and mark.endswith("nothing runs and nothing is billed.")
    assert rest == report_of(home, own_run)
    assert err.splitlines()[0] == mark
    assert "4/9 Train: done in" in err


def test_json_prints_the_journal_itself(home, own_run, capfdbinary):
    assert main(["replay", own_run, "--speed", "max", "--json", "--quiet"]) == 0
    out = capfdbinary.readouterr().out
    kept = (home.runs / own_run / "journal.jsonl").read_bytes()
    assert [json.loads(line) for line in out.splitlines()] == [json.loads(line) for line in kept.splitlines()]


def test_a_shipped_one_is_played_by_its_name_from_a_step(home, capsys):
    assert main(["replay", "mnist-linear-learner", "--speed", "max", "--from", "evaluate"]) == 0
    out, err = capsys.readouterr()
    assert "1/9" not in err and "8/9 Evaluate: done" in err
    assert "F1         0.96" in out, "the report is of the whole run"


def test_without_a_name_it_lists_what_ships(home, capsys):
    assert main(["replay"]) == 0
    out = capsys.readouterr().out
    assert "mnist-linear-learner" in out and "vertebral-xgboost" in out


def test_step_waits_for_enter_at_the_end_of_each_step(home):
    command = [
        sys.executable,
        "-m",
        "sagewizard",
        "replay",
        "vertebral-xgboost",
        "--step",
        "--from",
        "evaluate",
    ]
    done = subprocess.run(command, input="\n\n", capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 0
    assert done.stderr.count("Enter goes on") == 2
    assert "9/9" in done.stderr


def test_ctrl_c_ends_at_once(home):
    command = [sys.executable, "-m", "sagewizard", "replay", "mnist-linear-learner", "--speed", "0.1"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        first = process.stderr.readline()
        assert first.startswith("RECORDED on")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "nothing"], "There is no recorded run 'nothing'"),
        (["replay", "none.swrun"], "none.swrun: The recorded run cannot be read"),
        (["replay", "mnist-linear-learner", "--speed", "warp"], "'warp' is no speed"),
        (["replay", "mnist-linear-learner", "--from", "trian"], "no step 'trian'"),
        (["replay", "mnist-linear-learner", "--app", "--json"], "--json and --step are for the terminal"),
        (["runs", "compare", "last", "last"], "Both are the run"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(home, capsys, arguments, words):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_an_export_says_where_it_is_and_plays_back(home, own_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "export", "last", "class.swrun"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("class.swrun  ")
    assert "sagewizard replay class.swrun" in err
    assert main(["replay", "class.swrun", "--speed", "max", "--quiet"]) == 0
    out, _err = capsys.readouterr()
    assert out.splitlines()[1:] == report_of(home, own_run)
    assert main(["runs", "export", "last", "class.swrun"]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.fixture
def second(home, own_run):
    """Another run of the same recipe, with a setting of its own and a worse score. Its id."""
    run_id = "20991231-000000-beef"
    shutil.copytree(home.runs / own_run, home.runs / run_id)
    state = states.load(home.runs / run_id)
    state.run_id, state.created = run_id, state.created + 60.0
    state.overrides = {"train.num_round": 3}
    state.step("evaluate").outputs["metrics"]["f1"] -= 0.1
    state.step("train").seconds += 2.0
    state.save(home.runs / run_id)
    return run_id


def test_two_runs_side_by_side(home, own_run, second, capsys):
    assert main(["runs", "compare", own_run, second]) == 0
    rows = {line.split("  ")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert "the recipe's" in rows["train.num_round"] and rows["train.num_round"].endswith("changed")
    assert rows["F1"].endswith("▼ -0.1000 worse") or rows["F1"].endswith("-0.1000 worse")
    assert rows["accuracy"].endswith("same")
    assert "train took" in rows and "would cost" in rows
    assert main(["runs", "compare", own_run, second, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["settings"] == {"train.num_round": {"values": [None, 3]}}
    assert body["metrics"]["f1"]["better"] is False
    assert body["metrics"]["f1"]["change"] == pytest.approx(-0.1)
    assert body["seconds"]["train"]["change"] == pytest.approx(2.0)
    assert [run["run"] for run in body["runs"]] == [own_run, second]


def test_less_is_better_for_an_error():
    assert comparing.figure("rmse", 2.0, 1.0, lower=True).better is True
    assert comparing.figure("f1", 0.5, 0.4, lower=False).better is False
    assert comparing.figure("f1", 0.5, 0.50001, lower=False).same
    assert comparing.figure("f1", None, 0.4, lower=False).change is None


def test_the_app_and_the_command_compare_alike(home, own_run, second):
    from sagewizard.tui.screens.compare import compare_rows

    found = {summary.run_id: summary for summary in history.summaries(home)}
    rows = {row[0]: row[1:] for row in compare_rows(found[own_run], found[second])}
    assert rows["F1"][2].endswith("-0.1000 worse")
    assert rows["train.num_round"] == ("recipe's", "3", "changed")


def test_the_readme_shows_what_the_shipped_record_prints(home, capsys):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.split("$ sagewizard replay ")[1].split("```")[0].splitlines()
    assert main(["replay", *shown[0].split()[:1], "--speed", "max"]) == 0
    out, err = capsys.readouterr()
    printed = (err + out).splitlines()
    assert [line for line in shown[1:] if line != "..." and line not in printed] == []
