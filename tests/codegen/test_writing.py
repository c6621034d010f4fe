"""Scripts and notebooks as text: they compile, are clean, say what the run was, and know their steps."""

from __future__ import annotations

import ast
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from sagewizard import cli, codegen
from sagewizard.codegen.plan import Plan, Section, for_step, whole
from sagewizard.codegen.pretty import Code, call, literal
from sagewizard.engine import state as states
from sagewizard.errors import UsageError
from sagewizard.settings import Settings

RECORDED = Path(__file__).resolve().parents[1] / "tui" / "recorded"
RUN = "20261121-025731-ddb9"
STEPS = ("dataset", "preview", "prepare", "train", "deploy", "predict", "transform", "evaluate", "teardown")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A home with one finished run of digits-linear-learner in it, and no sandbox."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(RECORDED, home / "runs")
    return Settings(home=home, data=None)


@pytest.fixture(scope="module")
def state(settings):
    return states.load(settings.runs / RUN)


@pytest.fixture(scope="module")
def texts(settings, state):
    """Every text that this run can be written as, by flavor and step."""
    return {
        (flavor, step): codegen.generate(settings, state, flavor=flavor, step=step)
        for flavor in codegen.FLAVORS
        for step in (None, *STEPS)
    }


def test_every_script_compiles_fits_the_page_and_names_nothing_of_ours(texts):
    for (flavor, step), text in texts.items():
        ast.parse(text)
        assert max(map(len, text.splitlines())) <= 100, (flavor, step)
        assert "import sagewizard" not in text
        assert text.startswith("# /// script\n")
        assert "{this}" not in text
        assert "{start}" not in text


def test_every_script_passes_ruff_with_its_default_rules(texts, tmp_path):
    for (flavor, step), text in texts.items():
        (tmp_path / f"{flavor}_{step or 'whole'}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", str(tmp_path)]
    command[4:4] = ["--select", "E4,E7,E9,F"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout


def test_the_values_of_the_run_stand_in_the_script(texts, state):
    text = texts["boto3", None]
    assert f'BUCKET = "{state.bucket}"' in text
    assert '"predictor_type": "binary_classifier"' in text
    assert "random_state=7, stratify=data.target" in text
    assert '"InstanceType": "ml.m5.large"' in text
    assert "delete itself" not in text


def test_the_code_that_the_readme_shows_is_what_a_run_gives(texts):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.split("$ sagewizard code last --step deploy\n...\n")[1].split("\n\n")[0]
    assert shown.startswith("endpoint = ")
    assert shown in texts["boto3", "deploy"]


def test_a_run_whose_endpoint_deletes_itself_says_that_the_script_makes_no_schedule(settings, state):
    timed = dataclasses.replace(state, overrides={**state.overrides, "deploy.ttl": "2h"})
    text = " ".join(codegen.generate(settings, timed).split())
    assert "delete itself 2h after its last use, by a schedule; this script makes none" in text


def test_a_step_alone_takes_what_came_before_by_its_name_in_the_run(texts, state):
    text = texts["boto3", "deploy"]
    given = {
        node.targets[0].id: node.value.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert given["model_data"] == state.outputs("train")["model_artifact"]
    assert "create_training_job" not in text
    assert "load_digits" not in text
    assert "load_digits" in texts["boto3", "predict"]


def test_an_unknown_step_or_flavor_is_an_error_with_the_names_there_are(settings, state):
    with pytest.raises(UsageError, match="no step 'tune'") as caught:
        codegen.generate(settings, state, step="tune")
    assert "deploy" in caught.value.remedy
    with pytest.raises(UsageError, match="no flavor 'cobol'") as caught:
        codegen.generate(settings, state, flavor="cobol")
    assert "boto3" in caught.value.remedy


def test_a_notebook_is_valid_and_the_same_every_time(settings, state):
    for flavor in codegen.FLAVORS:
        text = codegen.generate(settings, state, flavor=flavor, notebook=True)
        assert text == codegen.generate(settings, state, flavor=flavor, notebook=True)
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        assert json.loads(text)["nbformat_minor"] == 5
        identities = [cell["id"] for cell in notebook.cells]
        assert len(set(identities)) == len(identities)
        texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        assert all(source.count("\n\n") for source in texts), "a heading says nothing about what follows"
        assert "runs this notebook there" in texts[0]


def test_the_command_writes_a_script_to_stdout_and_a_notebook_to_a_file(
    settings, state, texts, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("SAGEWIZARD_HOME", str(settings.home))
    assert cli.main(["code", "last"]) == 0
    assert capsys.readouterr().out == texts["boto3", None]
    assert cli.main(["code", "last", "--step", "train", "--flavor", "sdk2"]) == 0
    assert capsys.readouterr().out == texts["sdk2", "train"]
    path = tmp_path / "run.ipynb"
    assert cli.main(["code", RUN, "-o", str(path)]) == 0
    assert "sandbox exec -- jupyter lab" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == codegen.generate(settings, state, notebook=True)
    assert cli.main(["code", "nothing-there"]) == 2


def test_a_plan_places_shared_sections_where_they_are_needed_and_leaves_out_the_rest():
    used = Section("Helper", ("def helper(): ...",), provides=("helper",))
    unused = Section("Other", ("def other(): ...",), provides=("other",))
    made = Section("Make", ("thing = 1",), step="train", provides=("thing",), known={"thing": ("thing = 2",)})
    take = Section("Take", ("helper(thing)",), step="deploy", needs=("thing", "helper"))
    plan = Plan("T", (), ">=3.11", (), (used, unused, made, take))
    assert [section.title for section in whole(plan).sections] == ["Make", "Helper", "Take"]
    alone = for_step(plan, "deploy")
    assert [line for section in alone.sections for line in section.code] == [
        "thing = 2", "def helper(): ...", "helper(thing)",
    ]  # fmt: skip


def test_values_are_laid_out_within_the_line():
    value = {"a" * 30: ["b" * 40, "c" * 40], "d": Code("name")}
    assert ast.literal_eval(literal({"x": ["y" * 150]})) == {"x": ["y" * 150]}
    assert max(map(len, literal(value).splitlines())) <= 100
    assert call("f", {"a": Code("x")}) == ("f(a=x)",)
