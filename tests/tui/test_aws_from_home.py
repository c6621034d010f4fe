"""A run on AWS begins from Home: the price first, then the account number typed; Esc creates nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from textual.widgets import Input

from sagewizard import targets
from sagewizard.aws.prices import TablePrices
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.screens.going_to_aws import GoingToAws
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.run import RunScreen

ACCOUNT = "210987654321"


@pytest.fixture
def opened(monkeypatch):
    """AWS at the seam of the target: opening answers an account; no call can leave this machine."""
    names = []

    def open_target(name, _settings, *, region=None, confirm=None, **_others):
        assert confirm is not None
        names.append(name)
        return SimpleNamespace(
            name="aws", region="us-east-1", account_id=ACCOUNT, bucket=f"sagemaker-us-east-1-{ACCOUNT}",
            prices=TablePrices(), simulated=False, quotas=None, poll_seconds=30.0,
        )  # fmt: skip

    monkeypatch.setattr(targets, "open_target", open_target)
    monkeypatch.setattr(
        targets, "ttl_problem", lambda _target, _role="": "there is no role R in this account"
    )
    return names


def walk(settings, frozen, wait_until, body, size=(80, 24)):
    async def go():
        app = SageWizardApp(settings, clock=frozen)
        app.look_for_idle = lambda: None
        async with app.run_test(size=size) as pilot:
            await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.cards))
            await pilot.press("A")
            await wait_until(pilot, lambda: isinstance(app.screen, GoingToAws))
            await body(app, pilot)

    asyncio.run(go())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_price_stands_there_before_the_account_number_is_typed(
    settings, frozen, wait_until, opened, shown, size
):
    async def body(app, pilot):
        await wait_until(pilot, lambda: "It costs about $" in shown(app) and "Esc cancels" in shown(app))
        text = shown(app)
        assert "Plan for digits-linear-learner" in text
        assert ACCOUNT in text
        await pilot.press(*"123", "enter")
        assert isinstance(app.screen, GoingToAws), "another number is no yes"
        assert app.control.target_name == "sandbox"
        # That the endpoint deletes itself can be asked for here; where it may not, that is said.
        ends = app.screen.query_one("#ends", Input)
        ends.focus()
        ends.value = "2h"
        await pilot.press("enter")
        await wait_until(
            pilot, lambda: "could not delete itself: there is no role R" in " ".join(shown(app).split())
        )
        assert "--create-ttl-role" in shown(app)
        ends.value = ""
        app.screen.query_one("#typed", Input).value = ACCOUNT
        app.screen.query_one("#typed", Input).focus()
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
        assert app.control.target_name == "aws"
        assert not app.control.model.simulated
        assert "[AWS]" in shown(app)
        assert "--target aws" in app.control.command()
        assert not app.control.busy, "nothing begins before a step is asked for"

    walk(settings, frozen, wait_until, body, size)
    assert opened == ["aws"]


def test_esc_leaves_home_in_the_sandbox(settings, frozen, wait_until, opened):
    async def body(app, pilot):
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen))
        assert app.control.target_name == "sandbox"
        assert app.control.recipe is None

    walk(settings, frozen, wait_until, body)
    assert not settings.runs.exists()
