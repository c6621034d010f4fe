"""Owns the way from Home to AWS: read the account, show the plan with its price, have its number typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from sagewizard.tui.screens.modals import TypedConfirm

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from textual.app import App, ComposeResult

    from sagewizard.engine.plan import RunPlan
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.target import Target
    from sagewizard.tui.control import RunControl

PLAN_WIDTH = 62
"""Columns inside of a dialog at 80 columns, beside a scrollbar."""


def ask(app: App[Any], control: RunControl, recipe: Recipe, opened: Callable[[], None]) -> None:
    """Open AWS with reading calls only, show plan and price, and begin there once the number is typed."""

    def look() -> tuple[Target, Recipe, RunPlan]:
        from sagewizard.engine.plan import accepted
        from sagewizard.targets import open_target

        # Opening only reads; what the person confirms is the plan, which needs the account's prices.
        target = open_target("aws", control.settings, confirm=lambda _account: True)
        plan = _plan(recipe, target)
        # Types that the account cannot have are replaced; the dialog says by which, before anything is made.
        return target, accepted(recipe, plan) if plan.proposals else recipe, plan

    def show(found: tuple[Target, Recipe, RunPlan]) -> None:
        target, chosen, plan = found

        def answered(yes: bool | None) -> None:
            if not yes:
                app.notify("Nothing was created on AWS.", markup=False)
                return
            control.detach()
            control.open_recipe(chosen, target=target.name)
            control.take_target(target)
            opened()

        app.push_screen(GoingToAws(plan, target.account_id), answered)

    app.notify("Reading your AWS account. Nothing is created yet.", markup=False)
    control.call(look, show)


def price_of(recipe: Recipe, *, done: Collection[str] = ()) -> str:
    """Say what the steps that are left come to, by the price table that ships."""
    from sagewizard.engine.estimate import estimate
    from sagewizard.targets import table_prices
    from sagewizard.tui.words import dollars

    left = [step for step in recipe.steps if step not in done]
    prices, region = table_prices()
    found = estimate(recipe, prices, region, steps=left)
    return f"What is left comes to about {dollars(found.usd)} and {found.minutes:.0f} minutes."


class GoingToAws(TypedConfirm):
    """The plan of a run on AWS; True when the account number was typed."""

    def __init__(self, plan: RunPlan, account: str) -> None:
        from sagewizard.tui.words import dollars

        super().__init__(
            "This creates resources in your AWS account, and they cost money.",
            f"It costs about {dollars(plan.usd)} and takes about {plan.minutes:.0f} minutes.\n"
            f"Type the account number {account} to go on.",
            account,
        )
        self._plan = plan

    def compose_box(self) -> ComposeResult:
        """Yield the plan, then the question."""
        from sagewizard.render.ink import Ink
        from sagewizard.render.plan import plan_lines

        lines = plan_lines(self._plan, Ink(width=PLAN_WIDTH))
        if self._plan.proposals:
            lines.append("The types named above are taken instead.")
        yield Static(Content(self._title), classes="dialog-title")
        with VerticalScroll(classes="dialog-plan"):
            yield Static(Content("\n".join(lines)))
        yield Static(Content(self._text), classes="dialog-text")
        yield Input(id="typed", compact=True, placeholder=self._word)
        yield Static(
            "Enter goes on when it is the same, Esc cancels.", classes="dialog-hint", id="typed-hint"
        )


def _plan(recipe: Recipe, target: Target) -> RunPlan:
    from sagewizard.engine.plan import plan_run

    return plan_run(
        recipe, target=target.name, simulated=target.simulated, region=target.region, prices=target.prices,
        account=target.account_id, bucket=target.bucket, quotas=target.quotas,
    )  # fmt: skip
