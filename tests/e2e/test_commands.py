"""The other commands, and bad input to all of them: one error, its remedy, exit code 2, nothing created."""

from __future__ import annotations

import json

import pytest

from sagewizard.recipe import finding

DIGITS = "digits-linear-learner"
TEXT = finding.shipped()[DIGITS].read_text(encoding="utf-8")


def refused(command, *arguments, code=2, **env):
    done = command(*arguments, code=code, **env)
    assert done.stdout == ""
    assert done.stderr.count("×") <= 1
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "sagewizard run digits-linear-learner"),
        (["rnu"], "sagewizard run"),
        (["run"], "RECIPE"),
        (["run", "digit-linear"], "Did you mean digits-linear-learner"),
        (["run", "nowhere.yaml"], "no file nowhere.yaml"),
        (["run", DIGITS, "--set", "train.epoch=3"], "Did you mean train.epochs"),
        (["run", DIGITS, "--set", "train.epochs"], "--set train.epochs=5"),
        (["run", DIGITS, "--set", "train.epochs=0"], "at least 1"),
        (["run", DIGITS, "--set", "train.epochs=1", "--set", "train.epochs=2"], "twice"),
        (["run", DIGITS, "--from", "trian"], "Did you mean train"),
        (["run", DIGITS, "--until", "x"], "Its steps are"),
        (["run", DIGITS, "--target", "moon"], "sandbox"),
        (["runs", "resume", "last"], "no run"),
        (["runs", "show", "x"], "no runs yet"),
        (["teardown"], "--all"),
        (["recipes", "show", "quite unlike"], "The recipes are"),
    ],
)
def test_what_cannot_be_done_as_written_creates_nothing(fresh, arguments, words):
    assert words in refused(fresh, *arguments)
    assert not fresh.home.exists()


def own_recipe(tmp_path, lines, **changes):
    (tmp_path / "own.csv").write_bytes(lines if isinstance(lines, bytes) else "\n".join(lines).encode())
    start, end = TEXT.index("dataset:"), TEXT.index("algorithm:")
    text = (
        TEXT[:start]
        + (
            "dataset:\n  path: own.csv\n  label_column: label\n"
            "  split: {train: 0.6, validation: 0.2, test: 0.2}\n\n"
        )
        + TEXT[end:].replace("feature_dim: 64", "feature_dim: 2").replace("size: 100", "size: 5")
    )
    for old, new in changes.items():
        text = text.replace(old, new)
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return str(path)


def rows(count, label=lambda row: row % 2, value=lambda row: str(row * 0.5)):
    return ["a,b,label", *(f"{row},{value(row)},{label(row)}" for row in range(count))]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (rows(60, value=lambda row: "nan" if row == 7 else "1"), ["own"]),
        (rows(60, label=lambda row: 1), ["training row of own has the label"]),
        (rows(7), ["fewer than one mini-batch"]),
        (b"\x1f\x8b\x08\x00 this is no gzip", ["own.csv"]),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), ["own.csv"]),
        (["a,b,label", "1,x,0", *rows(60)[1:]], ["own.csv", "x"]),
    ],
    ids=["nan", "one class", "fewer rows than a batch", "not gzip", "a picture", "text"],
)
def test_bad_data_is_one_error_and_leaves_no_run_no_object_and_no_row(command, tmp_path, lines, words):
    from sagewizard.engine.ledger import Ledger
    from sagewizard.settings import Settings
    from sagewizard.targets import open_target

    settings = Settings(home=command.home, data=None)
    target = open_target("sandbox", settings)

    def everything():
        listed = target.client("s3").list_objects_v2(Bucket=target.bucket).get("Contents", [])
        folders = sorted(settings.runs.iterdir()) if settings.runs.exists() else []
        return folders, [entry["Key"] for entry in listed], Ledger(settings.ledger).all()

    before = everything()
    text = refused(command, "run", own_recipe(tmp_path, lines), "--quiet")
    for word in words:
        assert word in text
    assert text.count("\n") >= 2  # the error and its remedy
    assert everything() == before


def test_an_unknown_key_has_its_file_line_and_nearest_key(fresh, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace("    epochs: 15", "    epoch: 15"))
    line = TEXT[: TEXT.index("    epochs: 15")].count("\n") + 1
    text = refused(fresh, "run", str(path))
    assert f"mine.yaml:{line}:5" in text
    assert "Did you mean epochs" in text
    assert not fresh.home.exists()


def test_aws_needs_a_terminal_for_the_account_number(fresh):
    done = fresh("run", DIGITS, "--target", "aws", "--yes", code=None, AWS_DEFAULT_REGION="us-east-1")
    assert done.returncode in (2, 3)
    assert not (fresh.home / "runs").exists()
    assert not (fresh.home / "ledger.db").exists()


def test_recipes_list_show_and_validate(fresh, tmp_path):
    assert {recipe["name"] for recipe in fresh.json("recipes", "list")} >= {DIGITS, "mnist-linear-learner"}
    assert DIGITS in fresh("recipes", "list").stdout
    shown = fresh("recipes", "show", DIGITS).stdout
    assert "train.epochs" in shown
    assert "CreateTrainingJob" in shown
    assert fresh("recipes", "show", DIGITS, "--yaml").stdout == TEXT
    assert "train.l1" in fresh.json("recipes", "show", DIGITS)["options"]
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(TEXT)
    bad.write_text(TEXT.replace("level:", "levl:"))
    done = fresh("recipes", "validate", str(bad), str(good), code=2)
    assert "bad.yaml:3:1" in done.stderr
    assert "good.yaml: fine" in done.stdout
    assert not fresh.home.exists()


def test_runs_cost_and_doctor_tell_what_there_is(command):
    run_id = command.events("run", DIGITS, "--quiet")[0]["run_id"]
    assert run_id in command("runs", "list").stdout
    shown = command.json("runs", "show", run_id)
    assert shown["metrics"]["f1"] > 0.9
    assert shown["steps"]["train"]["status"] == "finished"
    assert {row["kind"] for row in shown["resources"]} >= {"endpoint", "training-job", "transform-job"}
    assert "F1" in command("runs", "show", run_id).stdout
    assert command.json("runs", "show", run_id[-4:])["run"] == run_id
    (line,) = [entry for entry in command.json("cost") if entry["run"] == run_id]
    assert line["simulated"]
    assert line["usd"] > 0
    assert len(command.json("cost", run_id)) == 3
    assert "would" in command("cost").stdout
    states = {finding["name"]: finding["state"] for finding in command.json("doctor")}
    assert states["program"] == states["sandbox"] == states["home"] == "ok"
    assert "sandbox" in command("doctor").stdout


def test_the_sandbox_starts_stops_and_forgets(fresh):
    assert fresh.json("sandbox", "status")["running"] is False
    url = fresh("sandbox", "start").stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    status = fresh.json("sandbox", "status")
    assert status["running"]
    assert status["url"] == url
    assert url in fresh("sandbox", "status").stdout
    lines = fresh("sandbox", "env").stdout
    assert f"AWS_ENDPOINT_URL={url}" in lines
    assert "AWS_SECRET_ACCESS_KEY=" in lines
    fresh("run", DIGITS, "--until", "deploy", "--quiet")
    assert len(fresh.json("resources")) == 3
    fresh("sandbox", "stop")
    assert fresh.json("sandbox", "status")["running"] is False
    refused(fresh, "sandbox", "reset")
    fresh("sandbox", "reset", "--yes")
    assert fresh.json("resources") == []


def test_the_names_of_the_events_are_those_of_the_module(command):
    from sagewizard.events import KINDS, from_json

    lines = command("run", DIGITS, "--until", "preview", "--json").stdout.splitlines()
    for line in lines:
        assert json.loads(line)["kind"] in KINDS
        assert from_json(line) is not None
