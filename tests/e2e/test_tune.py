"""Tuning as a person starts it: the digits recipe with its tuning, stopped, resumed, shown."""

from __future__ import annotations

import json
import re
import signal

import pytest

DIGITS = "digits-linear-learner"
ON = ("--set", "tune.enabled=true")


def kinds(events, kind):
    return [event for event in events if event["kind"] == kind]


def test_the_tuned_recipe_runs_from_dataset_to_teardown_and_deploys_the_best(command):
    done = command("run", DIGITS, *ON)
    assert "10/10" in done.stderr
    assert "6 training jobs, 2 at a time, each on ml.m5.large" in done.stderr
    assert re.search(r"On AWS it would take about 9 minutes and cost about \$0\.02", done.stderr)
    assert len(re.findall(r"job \d of 6: ", done.stderr)) == 6
    assert "the best so far" in done.stderr
    assert re.search(
        r"Tuning job sw-\S+-tune: 6 training jobs, best validation:binary_f_beta 0\.9\d", done.stdout
    )
    assert "learning_rate" in done.stdout
    assert "best so far" in done.stdout
    assert "Confusion matrix" in done.stdout
    assert "7 x training-job" in done.stdout
    (latest, *_rest) = command.json("runs", "list")
    shown = command.json("runs", "show", latest["run"])
    tuning = shown["tuning"]
    assert len(tuning["trials"]) == 6
    objectives = [trial["objective"] for trial in tuning["trials"]]
    assert max(objectives) == tuning["best_objective"]
    model = shown["steps"]["deploy"]["outputs"]["model"]
    assert tuning["best"].endswith(model.rpartition("-model")[2])
    assert [e for e in command.json("resources") if e["run_id"] == latest["run"]] == []
    printed = command("runs", "show", latest["run"]).stdout
    assert "Tuning job" in printed
    assert len(re.findall(r"Completed", printed)) == 6


def test_json_has_the_plan_the_trials_and_the_table(command):
    events = command.events("run", DIGITS, *ON, "--until", "tune", "--set", "tune.jobs=3")
    (plan,) = kinds(events, "tuning_planned")
    assert (plan["jobs"], plan["parallel"], plan["goal"]) == (3, 2, "Maximize")
    assert plan["usd"] > 0
    assert plan["seconds_here"] > 0
    ended = {
        e["trial"]["name"] for e in kinds(events, "trial_reported") if e["trial"]["status"] == "Completed"
    }
    assert len(ended) == 3
    last = kinds(events, "tuning_changed")[-1]
    assert last["status"] == "Completed"
    assert {trial["name"] for trial in last["trials"]} == ended
    assert last["best"] in ended
    jobs = {event["job"] for event in kinds(events, "log_lines")}
    assert ended <= jobs
    assert {m["name"] for m in kinds(events, "metric_reported") if m["job"] in ended} >= {
        "validation:binary_f_beta"
    }


def test_ctrl_c_in_the_middle_leaves_a_tuning_that_resume_adopts(command):
    process = command.start("run", DIGITS, *ON, "--json", "--set", "tune.jobs=12")
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["kind"] == "trial_reported":
            process.send_signal(signal.SIGINT)
            break
    rest, err = process.communicate(timeout=60)
    events += [json.loads(line) for line in rest.splitlines()]
    run_id = events[0]["run_id"]
    assert process.returncode == 130, err
    assert [resource["kind"] for resource in events[-1]["alive"]] == ["tuning-job"]
    assert f"tuning-job sw-{run_id}-tune" in err.decode()
    half = command.json("runs", "show", run_id)["tuning"]
    assert not half["finished"]
    again = command.events("runs", "resume", run_id, "--until", "tune")
    (made,) = [e for e in kinds(again, "resource_created") if e["resource"] == "tuning-job"]
    assert made["adopted"]
    last = kinds(again, "tuning_changed")[-1]
    assert last["status"] == "Completed"
    numbers = [trial["number"] for trial in last["trials"]]
    assert numbers == list(range(1, 13))
    assert len({trial["name"] for trial in last["trials"]}) == 12


def test_a_teardown_stops_the_tuning_and_the_run_goes_on_with_its_best(command):
    process = command.start("run", DIGITS, *ON, "--json", "--set", "tune.jobs=60", "--set", "tune.parallel=1")
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        over = [e for e in kinds(events, "trial_reported") if e["trial"]["objective"] is not None]
        if len(over) >= 2:
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=60)
    run_id = events[0]["run_id"]
    assert process.returncode == 130
    command("teardown", run_id)
    again = command.events("runs", "resume", run_id)
    last = kinds(again, "tuning_changed")[-1]
    if last["status"] == "Completed":
        pytest.skip("all sixty jobs were done before the teardown came")
    assert last["status"] == "Stopped"
    assert 2 <= len(last["trials"]) < 60
    assert again[-1]["kind"] == "run_finished"
    assert again[-1]["complete"]


def test_a_tuning_that_cannot_be_creates_nothing(command):
    before = len(command.json("runs", "list"))
    for setting, words in (
        ("tune.wd=1..0.5", "above its upper end"),
        ("tune.objective_metric=validation:f1", "validation:binary_f_beta"),
    ):
        refused = command("run", DIGITS, *ON, "--set", setting, code=2)
        assert words in refused.stderr, refused.stderr
    assert len(command.json("runs", "list")) == before
    left_out = command("run", DIGITS, "--until", "tune", code=2)
    assert "tune.enabled=true" in left_out.stderr


def test_a_run_can_be_tuned_afterwards_and_deploys_again(command):
    run_id = command.events("run", DIGITS, "--quiet", "--until", "deploy")[0]["run_id"]
    refused = command("runs", "resume", run_id, *ON, code=2)
    assert "--from tune" in refused.stderr
    again = command.events(
        "runs", "resume", run_id, *ON, "--from", "tune", "--until", "deploy", "--set", "tune.jobs=2"
    )
    assert [e["step"] for e in kinds(again, "step_skipped")] == ["dataset", "preview", "prepare", "train"]
    # The endpoint with the old model goes before the new one comes.
    assert f"sw-{run_id}-endpoint" in [e["name"] for e in kinds(again, "resource_deleted")]
    best = kinds(again, "tuning_changed")[-1]["best"]
    (model,) = [e["name"] for e in kinds(again, "resource_created") if e["resource"] == "model"]
    assert best.endswith(model.rpartition("-model")[2])
    command("teardown", run_id)


def test_recipes_show_the_step_that_is_left_out(command):
    shown = command("recipes", "show", DIGITS).stdout
    assert "left out, unless --set tune.enabled=true" in shown
    assert "tune.learning_rate" in shown
    listed = command.json("recipes", "show", DIGITS)
    assert listed["optional_steps"] == ["tune"]
    assert "tune" not in listed["steps"]
    assert listed["options"]["tune.wd"]["type"] == "string"
