"""The plan of a run and its confirmation: nothing is spent that was not said before, headless or not."""

from __future__ import annotations

import io
import json
import sys

import pytest

from sagewizard import cli
from sagewizard.aws.prices import TablePrices
from sagewizard.cli import planning
from sagewizard.cli import run as run_command
from sagewizard.engine.estimate import estimate
from sagewizard.engine.plan import accepted, check_affordable, plan_run, refuse_proposals
from sagewizard.engine.plan_instances import propose
from sagewizard.errors import UsageError
from sagewizard.recipe import finding
from sagewizard.render.ink import Ink
from sagewizard.render.plan import plan_lines
from sagewizard.target import Target

ACCOUNT = "111122223333"
DIGITS = finding.load("digits-linear-learner")
MNIST = finding.load("mnist-linear-learner")


class Quotas:
    def __init__(self, **limits):
        self.limits = limits

    def limit(self, instance_type, use):
        return self.limits.get(f"{instance_type}/{use}")


def plan(recipe=DIGITS, **more):
    return plan_run(
        recipe,
        target="aws",
        simulated=False,
        region="us-east-1",
        prices=TablePrices(),
        account=ACCOUNT,
        **more,
    )


def test_the_plan_names_all_that_is_made_with_price_and_source():
    found = plan()
    made = [(item.step, item.what) for item in found.resources]
    assert made == [
        ("prepare", "data in S3"), ("train", "training job"), ("deploy", "model"),
        ("deploy", "endpoint config"), ("deploy", "endpoint"), ("transform", "transform job"),
    ]  # fmt: skip
    assert found.usd == pytest.approx(estimate(DIGITS, TablePrices(), "us-east-1").usd)
    assert found.minutes == DIGITS.estimated_minutes()
    assert found.sources == ("table of 2026-11-20",)
    assert found.hourly_after == 0
    train = found.resources[1]
    assert train.most_usd == pytest.approx(0.115 * 1800 / 3600)
    assert found.proposals == ()
    assert json.loads(json.dumps(found.as_json()))["usd"] == found.usd


def test_a_plan_follows_what_is_asked_for():
    assert plan(keep=True).hourly_after == pytest.approx(0.115)
    assert "teardown" not in plan(keep=True).steps
    assert [item.step for item in plan(until="train").resources] == ["prepare", "train"]
    assert [item.step for item in plan(from_step="transform").resources] == ["transform"]
    rest = plan(done=("dataset", "preview", "prepare", "train"))
    assert rest.steps[0] == "deploy"
    assert rest.usd < plan().usd
    tuned = plan(DIGITS.with_settings({"tune.enabled": "true", "train.folds": "3"}))
    assert [(item.step, item.count) for item in tuned.resources if item.count > 1] == [
        ("train", 4),
        ("tune", 6),
    ]
    assert plan(DIGITS.with_settings({"train.spot": "true"})).resources[1].spot


@pytest.mark.parametrize("width", [62, 80, 120])
def test_the_text_fits_and_tells_price_date_and_account(width):
    lines = plan_lines(plan(MNIST, budget=2.0), Ink(width=width))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    whole = " ".join(text.split())
    assert f"AWS account {ACCOUNT}" in whole
    assert "table of 2026-11-20" in whole
    assert "budget of $2.00" in whole
    assert "…" not in text
    assert "1 x ml.m4.xlarge" in text
    assert "--set train.instance_type=ml.m5.xlarge" in whole


def test_types_of_the_tutorials_become_their_successors():
    found = propose(MNIST, MNIST.steps)
    assert [(p.path, p.wanted, p.proposed) for p in found] == [
        ("train.instance_type", "ml.c4.xlarge", "ml.m5.xlarge"),
        ("deploy.instance_type", "ml.m4.xlarge", "ml.m5.xlarge"),
        ("transform.instance_type", "ml.m4.xlarge", "ml.m5.xlarge"),
    ]
    changed = accepted(MNIST, plan(MNIST))
    assert changed.value("train.instance_type") == "ml.m5.xlarge"
    assert plan(changed).proposals == ()


@pytest.mark.parametrize(
    ("changes", "quotas", "proposed", "reason"),
    [
        ({"train.instance_type": "ml.c5.large"}, Quotas(), "ml.c5.xlarge", "no ml.c5.large for training"),
        ({"deploy.instance_type": "ml.t3.medium"}, Quotas(), None, "no ml.t3.medium for hosting"),
        ({}, Quotas(**{"ml.m5.large/Training": 0}), "ml.m5.xlarge", "is 0, and 1 are needed"),
        ({"train.instance_count": "3"}, Quotas(**{"ml.m5.large/Training": 2}), "ml.m5.xlarge",
         "3 are needed"),
        ({"train.spot": "true"}, Quotas(**{"ml.m5.large/SpotTraining": 0}), "ml.m5.xlarge",
         "spot training job"),
        ({"tune.enabled": "true", "tune.parallel": "3"}, Quotas(**{"ml.m5.large/Training": 2}),
         "ml.m5.xlarge", "3 are needed"),
    ],
)  # fmt: skip
def test_a_type_that_cannot_be_had_is_answered_by_one_that_can(changes, quotas, proposed, reason):
    recipe = DIGITS.with_settings(changes)
    found = propose(recipe, recipe.steps, quotas)
    assert len(found) == 1
    assert reason in found[0].reason
    if proposed:
        assert found[0].proposed == proposed
        assert f"--set {found[0].step}.instance_type={proposed}" in found[0].remedy
    assert propose(recipe.with_settings({found[0].path: found[0].proposed}), recipe.steps, quotas) == ()


def test_when_no_type_has_a_quota_the_request_is_named():
    class Nothing:
        def limit(self, instance_type, use):
            return 0

    found = plan(quotas=Nothing())
    assert [p.proposed for p in found.proposals] == ["", "", ""]
    with pytest.raises(UsageError) as caught:
        accepted(DIGITS, found)
    assert "'ml.m5.large for training job usage'" in caught.value.remedy
    with pytest.raises(UsageError):
        refuse_proposals(found)


def test_a_budget_below_the_plan_is_refused_before_anything_is_made():
    with pytest.raises(UsageError, match="more than the budget of"):
        check_affordable(plan(budget=0.001))
    check_affordable(plan(budget=2.0))
    unpriced = plan(DIGITS.with_settings({"train.instance_type": "ml.m5.24xlarge"}), budget=2.0)
    with pytest.raises(UsageError, match=r"No price is known for ml\.m5\.24xlarge"):
        check_affordable(unpriced)


# The commands


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEWIZARD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def account(home, monkeypatch):
    """An account in AWS's place; what the run would have done with it is kept, and nothing is done."""
    ran = []
    target = Target(
        name="aws", region="us-east-1", account_id=ACCOUNT, role_arn="arn", bucket="b", prices=TablePrices(),
        simulated=False, poll_seconds=5.0,
    )  # fmt: skip
    monkeypatch.setattr("sagewizard.targets.open_target", lambda name, settings, **more: target)
    monkeypatch.setattr(
        run_command,
        "_follow",
        lambda options, settings, recipe, *rest, **more: ran.append((recipe, options)) or 0,
    )
    return ran


def typed(monkeypatch, *lines):
    monkeypatch.setattr(planning, "may_ask", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_dry_run_prints_the_plan_and_makes_nothing(home, capsys):
    assert cli.main(["run", "digits-linear-learner", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "Plan for digits-linear-learner in the sandbox" in said.out
    assert "ml.m5.large" in said.out
    assert "Nothing was created" in said.err
    assert cli.main(["run", "digits-linear-learner", "--dry-run", "--json", "--set", "train.folds=2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == "digits-linear-learner"
    assert [item["count"] for item in found["resources"] if item["step"] == "train"] == [3]
    assert not home.exists()


def test_a_dry_run_on_aws_shows_the_account_and_runs_nothing(account, capsys):
    assert cli.main(["run", "digits-linear-learner", "--target", "aws", "--dry-run"]) == 0
    assert f"AWS account {ACCOUNT}" in capsys.readouterr().out
    assert account == []


def test_the_account_typed_confirms_the_plan(account, capsys, monkeypatch):
    typed(monkeypatch, ACCOUNT)
    assert cli.main(["run", "digits-linear-learner", "--target", "aws"]) == 0
    assert len(account) == 1
    said = capsys.readouterr().err
    assert said.index("Plan for digits-linear-learner") < said.index(f"Type the account number {ACCOUNT}")


@pytest.mark.parametrize("line", ["", "yes", ACCOUNT[:-1]])
def test_anything_else_typed_makes_nothing(account, capsys, monkeypatch, line):
    typed(monkeypatch, line)
    assert cli.main(["run", "digits-linear-learner", "--target", "aws"]) == 130
    assert account == []
    assert "nothing was created" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--yes"], "--yes --budget 2.00"),
        ([], "no terminal to type it on"),
        (["--yes", "--budget", "0.001"], "more than the budget"),
        (["--yes", "--budget", "0"], "is none"),
        (["--yes", "--budget", "2", "--keep"], "would stay"),
        (["--yes", "--budget", "2", "--set", "train.instance_type=ml.m5.24xlarge"], "No price is known"),
    ],
)
def test_headless_on_aws_nothing_runs_without_a_sum_that_suffices(account, capsys, arguments, words):
    assert cli.main(["run", "digits-linear-learner", "--target", "aws", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert account == []


def test_yes_with_a_budget_runs_and_takes_the_proposed_types(account, capsys):
    assert cli.main(["run", "mnist-linear-learner", "--target", "aws", "--yes", "--budget", "2"]) == 0
    ((recipe, options),) = account
    assert recipe.value("train.instance_type") == "ml.m5.xlarge"
    assert options.budget == 2.0
    said = capsys.readouterr().err
    assert ACCOUNT in said
    assert "train.instance_type is ml.m5.xlarge instead of ml.c4.xlarge" in said


def test_headless_without_yes_the_settings_to_give_are_named(account, capsys):
    assert cli.main(["run", "mnist-linear-learner", "--target", "aws"]) == 2
    said = capsys.readouterr().err
    assert "--set train.instance_type=ml.m5.xlarge --set deploy.instance_type=ml.m5.xlarge" in said
    assert account == []


def test_enter_takes_the_proposed_types_and_no_refuses_them(account, capsys, monkeypatch):
    typed(monkeypatch, "", ACCOUNT)
    assert cli.main(["run", "mnist-linear-learner", "--target", "aws"]) == 0
    assert account[0][0].value("deploy.instance_type") == "ml.m5.xlarge"
    account.clear()
    typed(monkeypatch, "no", ACCOUNT)
    assert cli.main(["run", "mnist-linear-learner", "--target", "aws"]) == 2
    assert account == []
    assert "Take others: --set train.instance_type=ml.m5.xlarge" in capsys.readouterr().err


def test_with_a_ttl_a_budget_holds_for_an_endpoint_that_stays_and_the_plan_counts_it(
    account, capsys, monkeypatch
):
    monkeypatch.setattr("sagewizard.targets.ttl_problem", lambda target, role="": "")
    common = ["run", "digits-linear-learner", "--target", "aws", "--yes", "--keep", "--ttl", "2h"]
    assert cli.main([*common, "--budget", "2"]) == 0
    ((recipe, _options),) = account
    assert recipe.value("deploy.ttl") == "2h"
    said = " ".join(capsys.readouterr().err.split())
    assert "Until then it comes to $0.23, which is part of the sum above." in said
    assert cli.main([*common, "--budget", "0.2"]) == 2
    assert "more than the budget" in capsys.readouterr().err
    monkeypatch.setattr("sagewizard.targets.ttl_problem", lambda target, role="": "there is no role R")
    assert cli.main([*common, "--budget", "2"]) == 2
    assert "could not delete itself: there is no role R" in capsys.readouterr().err
    assert len(account) == 1


def test_the_guide_shows_the_plan_before_it_goes_to_aws(account, home, capsys, monkeypatch):
    typed(monkeypatch, "go", "another number")
    assert cli.main(["guide", "--plain", "--target", "aws", "digits-linear-learner"]) == 130
    said = capsys.readouterr()
    told = said.err
    assert told.index(f"AWS account {ACCOUNT}") < told.index(f"Type the account number {ACCOUNT}")
    assert "was not confirmed; nothing was created" in " ".join((said.out + said.err).split())
    assert not home.exists()
