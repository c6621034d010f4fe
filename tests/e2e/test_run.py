"""`sagewizard run` as a person starts it: to its end, stopped, killed, resumed, on terminals of all kinds."""

from __future__ import annotations

import errno
import json
import os
import re
import select
import signal
import subprocess
import time

import pytest

DIGITS = "digits-linear-learner"


def kinds(events, kind):
    return [event for event in events if event["kind"] == kind]


def alive(command, run_id):
    return [entry for entry in command.json("resources") if entry["run_id"] == run_id]


def test_the_digits_recipe_runs_from_dataset_to_teardown(command):
    done = command("run", DIGITS)
    assert "Confusion matrix" in done.stdout
    assert re.search(r"F1 +0\.9\d", done.stdout)
    assert "ROC AUC" in done.stdout
    assert "On AWS" in done.stdout
    assert "table of" in done.stdout
    assert f"sagewizard run {DIGITS}" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    for number in range(1, 10):
        assert f"{number}/9" in done.stderr
    (latest, *_rest) = command.json("runs", "list")
    assert latest["state"] == "finished"
    assert not alive(command, latest["run"])


def test_json_is_one_event_a_line_and_nothing_else(command):
    events = command.events("run", DIGITS, "--set", "train.epochs=3", "--quiet")
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["kind"] == "run_started"
    assert events[0]["settings"] == {"train.epochs": "3"}
    assert events[-1]["kind"] == "run_finished"
    assert events[-1]["complete"]
    names = [event["step"] for event in kinds(events, "step_finished")]
    assert names == events[0]["steps"]


def test_until_then_resume_goes_on_where_it_stopped(command):
    first = command.events("run", DIGITS, "--until", "train")
    run_id = first[0]["run_id"]
    assert not first[-1]["complete"]
    again = command.events("runs", "resume", run_id)
    assert [event["step"] for event in kinds(again, "step_skipped")] == [
        "dataset",
        "preview",
        "prepare",
        "train",
    ]
    assert again[-1]["kind"] == "run_finished"
    assert again[-1]["complete"]
    assert again[0]["sequence"] == first[-1]["sequence"] + 1
    assert not alive(command, run_id)


def test_from_does_a_step_and_all_after_it_again(command):
    run_id = command.events("run", DIGITS, "--until", "train")[0]["run_id"]
    again = command.events("run", DIGITS, "--from", "train", "--until", "train", "--set", "train.epochs=2")
    assert again[0]["run_id"] == run_id
    created = [
        event["name"] for event in kinds(again, "resource_created") if event["resource"] == "training-job"
    ]
    assert created == [f"sw-{run_id}-train-2"]
    refused = command("run", DIGITS, "--from", "deploy", "--set", "dataset.seed=3", code=2)
    assert "dataset" in refused.stderr


def test_a_run_torn_down_from_outside_deploys_again_when_it_goes_on(command):
    run_id = command.events("run", DIGITS, "--until", "deploy")[0]["run_id"]
    command("teardown", run_id)
    (endpoint,) = [item for item in command.json("cost", run_id) if item["kind"] == "endpoint"]
    assert not endpoint["running"]
    again = command.events("runs", "resume", run_id)
    assert again[-1]["kind"] == "run_finished", again[-1]
    names = [event["name"] for event in kinds(again, "resource_created") if event["resource"] == "endpoint"]
    assert names == [f"sw-{run_id}-endpoint-2"]
    assert not alive(command, run_id)


def stop_at(command, step, number, *arguments):
    """Start a run, send a signal when a step begins, and return (exit code, events, stderr)."""
    process = command.start("run", DIGITS, "--json", *arguments)
    events = []
    sent = False
    for line in process.stdout:
        events.append(json.loads(line))
        if not sent and events[-1]["kind"] == "step_started" and events[-1]["step"] == step:
            process.send_signal(number)
            sent = True
    _out, err = process.communicate(timeout=60)
    return process.returncode, events, err.decode()


@pytest.mark.parametrize("step", ["train", "predict"])
def test_ctrl_c_leaves_a_run_that_can_be_resumed_and_says_what_is_alive(command, step):
    code, events, err = stop_at(command, step, signal.SIGINT)
    run_id = events[0]["run_id"]
    assert code == 130, err
    assert events[-1]["kind"] == "run_cancelled"
    assert f"sagewizard runs resume {run_id}" in err
    for resource in events[-1]["alive"]:
        assert resource["name"] in err
    if step == "predict":
        assert "endpoint" in {resource["kind"] for resource in events[-1]["alive"]}
        assert "/h until it is deleted" in err.splitlines()[-1]
    again = command.events("runs", "resume", run_id)
    assert again[-1]["kind"] == "run_finished"
    assert not alive(command, run_id)


@pytest.mark.parametrize("step", ["train", "transform"])
def test_a_killed_run_is_resumed_or_torn_down(command, step):
    code, events, _err = stop_at(command, step, signal.SIGKILL)
    assert code == -signal.SIGKILL
    run_id = events[0]["run_id"]
    if step == "transform":
        command("teardown", run_id, "--data")
    else:
        assert command.events("runs", "resume", run_id)[-1]["kind"] == "run_finished"
    assert not alive(command, run_id)


def test_a_polite_kill_stops_it_like_ctrl_c(command):
    code, events, _err = stop_at(command, "train", signal.SIGTERM)
    assert code == 130
    command("teardown", events[0]["run_id"])
    assert not alive(command, events[0]["run_id"])


def test_teardown_all_deletes_what_any_run_left(fresh):
    runs = [fresh.events("run", DIGITS, "--until", "deploy", "--quiet")[0]["run_id"] for _ in range(2)]
    assert {entry["run_id"] for entry in fresh.json("resources")} == set(runs)
    listed = fresh("resources")
    assert f"sw-{runs[0]}-endpoint" in listed.stdout
    fresh("teardown", "--all")
    assert fresh.json("resources") == []
    assert [event for event in fresh("resources").stdout.splitlines() if "sw-" in event] == []


def test_keep_leaves_everything_and_says_so(command):
    events = command.events("run", DIGITS, "--keep", "--set", "train.epochs=2")
    assert events[-1]["exit_code"] == 0
    assert {entry["kind"] for entry in events[-1]["alive"]} == {"model", "endpoint-config", "endpoint"}
    command("teardown", events[0]["run_id"])
    shown = command.json("runs", "show", events[0]["run_id"])
    assert shown["state"] == "finished"
    assert not shown["alive"]


def test_another_region_has_a_bucket_of_its_own(command):
    events = command.events(
        "run", DIGITS, "--region", "eu-west-1", "--until", "train", "--set", "train.epochs=2"
    )
    assert events[-1]["kind"] == "run_finished", events[-1]
    assert "s3://sagemaker-eu-west-1-123456789012" in kinds(events, "step_finished")[2]["summary"]
    again = command.events("runs", "resume", events[0]["run_id"])
    assert again[-1]["complete"]


def test_whoever_stops_reading_ends_the_run_in_order(command):
    process = command.start("run", DIGITS, "--json", "--quiet")
    first = json.loads(process.stdout.readline())
    process.stdout.close()
    _out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    assert process.returncode == 130
    state = command("runs", "show", first["run_id"], "--json", code=None)
    if state.returncode == 0:  # it had got past the dataset
        command("teardown", first["run_id"])


def on_a_terminal(command, *arguments, **env):
    """Run on a pseudo terminal of 100x30 and return (exit code, what was written)."""
    import fcntl
    import struct
    import termios

    main, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        command.arguments(*arguments), env=command.environ(**env), stdin=side, stdout=side, stderr=side
    )
    os.close(side)
    written = b""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([main], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(main, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            break
        if not part:
            break
        written += part
    os.close(main)
    return process.wait(30), written.decode("utf-8", "replace")


def test_on_a_terminal_it_is_drawn_in_place(command):
    code, text = on_a_terminal(command, "run", DIGITS, TERM="xterm-256color")
    assert code == 0
    assert re.search(r"\x1b\[\d+A", text)
    assert "[SANDBOX] us-east-1" in text
    assert "would cost" in text
    assert "Confusion matrix" in text


def test_no_color_is_kept_on_a_terminal(command):
    code, text = on_a_terminal(
        command, "run", DIGITS, "--until", "preview", TERM="xterm-256color", NO_COLOR="1"
    )
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*m", text)


def test_a_dumb_terminal_gets_plain_lines(command):
    code, text = on_a_terminal(command, "run", DIGITS, "--until", "preview", TERM="dumb")
    assert code == 0
    assert "\x1b" not in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_without_unicode_works(command, encoding):
    done = command("run", DIGITS, "--until", "prepare", PYTHONIOENCODING=encoding)
    assert "+ 3/9" in done.stderr
    command("recipes", "show", DIGITS, PYTHONIOENCODING=encoding)


def test_a_script_of_a_few_lines_does_the_same(command):
    script = (
        "import sagewizard\n"
        "seen = []\n"
        f"result = sagewizard.run({DIGITS!r}, settings={{'train.epochs': 4}}, on_event=seen.append)\n"
        "assert result.metrics['f1'] > 0.85, result\n"
        "assert sum(map(sum, result.confusion)) == 360\n"
        "assert result.alive == () and result.complete and len(seen) > 50\n"
        "assert (result.folder / 'journal.jsonl').is_file()\n"
        "try:\n"
        f"    sagewizard.run({DIGITS!r}, settings={{'train.feature_dim': 3}})\n"
        "except sagewizard.DataError as error:\n"
        "    print(error, error.remedy)\n"
    )
    done = subprocess.run(
        [command.arguments()[0], "-W", "error", "-c", script],
        env=command.environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "feature_dim is 3" in done.stdout
