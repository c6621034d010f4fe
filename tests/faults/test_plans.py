"""Every recipe under every plan of faults: it ends well or with a clear error, and nothing is left behind."""

from __future__ import annotations

import pytest

from sagewizard import events as ev
from sagewizard.recipe import finding
from sagewizard.sandbox.faults import plan as plans

RECIPES = sorted(finding.shipped())
# What has no data of its own in the libraries.
DATA_OF = {
    "abalone-xgboost": "abalone/abalone.csv",
    "mnist-linear-learner": "mnist/mnist.pkl.gz",
    "vertebral-xgboost": "vertebral/vertebral_column_data.zip",
}
# The slow ones (160 MB go to the bucket; a script starts a Python of its own) meet plans that end them early.
ONCE = {"mnist-linear-learner": "no-capacity-for-training", "iris-sklearn-script": "no-capacity-for-endpoint"}


def names(folder):
    return sorted(path.stem for path in folder.glob("*.yaml"))


def chosen(folder):
    """Pair every plan with one recipe, so that every recipe has a turn."""
    turns = [recipe for recipe in RECIPES if recipe not in ONCE]
    pairs = [
        (plan, turns[number % len(turns)])
        for number, plan in enumerate(plan for plan in names(folder) if plan not in ONCE.values())
    ]
    return [*pairs, *((plan, recipe) for recipe, plan in ONCE.items())]


def loaded(world, drive, recipe, own_file):
    if recipe in DATA_OF and not (world.settings.data and (world.settings.data / DATA_OF[recipe]).is_file()):
        pytest.skip(f"{recipe} needs {DATA_OF[recipe]}; SAGEWIZARD_TEST_DATA names the folder")
    return world.recipe(recipe, own_file)


def pytest_generate_tests(metafunc):
    if "pair" in metafunc.fixturenames:
        from pathlib import Path

        folder = Path(__file__).with_name("plans")
        pairs = chosen(folder)
        if "every" in metafunc.function.__name__:
            few = set(pairs)
            pairs = [(p, r) for r in RECIPES for p in names(folder) if (p, r) not in few]
        metafunc.parametrize("pair", pairs, ids=["/".join(pair) for pair in pairs])


def test_a_run_under_a_plan_ends_in_words_and_leaves_nothing(world, drive, own_file, pair):
    plan, recipe = pair
    drive.check(world, loaded(world, drive, recipe, own_file), plan)


@pytest.mark.faults
def test_every_recipe_under_every_other_plan(world, drive, own_file, pair):
    plan, recipe = pair
    drive.check(world, loaded(world, drive, recipe, own_file), plan)


def test_there_are_plans_enough_and_each_says_how_a_run_ends(drive):
    assert len(drive.plans()) >= 12
    assert set(drive.plans()) == set(drive.ENDS)
    for name in drive.plans():
        path = drive.PLANS / f"{name}.yaml"
        assert path.read_text().startswith("# ")
        found = plans.read(path.read_bytes(), str(path))
        assert found.faults or found.quotas


RESUMED = ("answer-lost-then-expired", "token-expires-while-training", "training-stopped-in-the-console")
RESUMED_TOO = (
    "throttled-without-end", "answer-lost-then-throttled", "token-expires", "training-fails",
    "quotas-of-zero-for-endpoints", "deleting-is-refused-for-a-while", "transform-fails", "endpoint-fails",
)  # fmt: skip


@pytest.mark.parametrize(
    "plan", [*RESUMED, *(pytest.param(name, marks=pytest.mark.faults) for name in RESUMED_TOO)]
)
def test_a_run_that_failed_goes_on_to_its_end_when_the_trouble_is_over(world, drive, plan):
    engine, recipe = world.engine(), world.recipe("diabetes-linear-regression")
    world.follow(plan)
    end = list(engine.run(recipe))[-1]
    world.follow(None)
    if isinstance(end, ev.RunFinished) and drive.ENDS[plan][0] == drive.EITHER:
        # On a busy machine a job may have ended before it could be stopped.
        drive.tear_down(engine, end.run_id)
        return
    assert isinstance(end, ev.RunFailed), end
    assert end.resumable
    again = list(engine.run(recipe, run_id=end.run_id))[-1]
    assert isinstance(again, ev.RunFinished), again
    assert not again.alive
    assert not drive.there(engine, end.run_id)
    assert not drive.alive(engine, end.run_id)


def test_an_endpoint_deleted_between_two_steps_is_said_and_made_again(world, drive):
    engine, recipe = world.engine(), world.recipe("iris-kmeans")
    run_id = list(engine.run(recipe, until="deploy"))[-1].run_id
    engine.target.client("sagemaker").delete_endpoint(EndpointName=f"sw-{run_id}-endpoint")
    end = list(engine.run(recipe, run_id=run_id))[-1]
    drive.check_end(end, drive.FAILED, "endpoint .* deleted")
    assert f"runs resume {run_id}" in end.remedy
    drive.check_agreement(engine, run_id)
    assert isinstance(list(engine.run(recipe, run_id=run_id))[-1], ev.RunFinished)
    drive.tear_down(engine, run_id)
