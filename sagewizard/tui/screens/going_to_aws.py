"""Owns the way from Home to AWS: read the account, show the plan with its price, have its number typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from sagewizard.errors import UsageError
from sagewizard.recipe.step_options import NEVER
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

    def look() -> tuple[Target, Recipe, RunPlan, str]:
        from sagewizard.engine.plan import accepted
        from sagewizard.targets import open_target, ttl_problem

        # Opening only reads; what the person confirms is the plan, which needs the account's prices.
        target = open_target("aws", control.settings, confirm=lambda _account: True)
        problem = ttl_problem(target, str(recipe.value("deploy.ttl_role") or ""))
        plan = _plan(recipe, target)
        # Types that the account cannot have are replaced; the dialog says by which, before anything is made.
        return target, accepted(recipe, plan) if plan.proposals else recipe, plan, problem

    def show(found: tuple[Target, Recipe, RunPlan, str]) -> None:
        target, chosen, plan, problem = found
        dialog = GoingToAws(plan, target.account_id, chosen, problem)

        def answered(yes: bool | None) -> None:
            if not yes:
                app.notify("Nothing was created on AWS.", markup=False)
                return
            control.detach()
            control.open_recipe(dialog.recipe, target=target.name)
            control.take_target(target)
            opened()

        app.push_screen(dialog, answered)

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


def ask_account(app: App[Any], control: RunControl, account: str) -> bool:
    """Have the account number typed before a run goes on there; for a worker, which waits for the person."""
    import threading

    answered = threading.Event()
    answer: list[bool] = []
    recipe, steps = control.recipe, control.model.steps
    price = ""
    if recipe is not None:
        done = [name for name, view in steps.items() if view.status == "done"]
        price = price_of(recipe, done=done) + "\n"

    def ask() -> None:
        def taken(result: bool | None) -> None:
            answer.append(bool(result))
            answered.set()

        app.push_screen(
            TypedConfirm(
                "This creates resources in a real AWS account, and they cost money.",
                f"{price}Type the account number {account} to go on.",
                account,
            ),
            taken,
        )

    control.post(lambda: ask())
    answered.wait()
    return bool(answer and answer[0])


class GoingToAws(TypedConfirm):
    """The plan of a run on AWS; True when the account number was typed.

    `recipe` is what is to run then: here it can be said after how long its endpoint deletes itself. `problem`
    is why it could not, "" when it can.
    """

    CSS: ClassVar[str] = """
    GoingToAws.-low .dialog-box { padding: 0 2; }
    GoingToAws.-low .dialog-plan { max-height: 9; }
    GoingToAws.-fault .dialog-plan { max-height: 3; }
    GoingToAws.-low.-fault .dialog-plan { max-height: 5; }
    GoingToAws .dialog-ends { height: 1; }
    GoingToAws .dialog-ends Static { width: auto; padding-right: 1; }
    GoingToAws .dialog-ends Input { width: 1fr; }
    """

    def __init__(self, plan: RunPlan, account: str, recipe: Recipe, problem: str = "") -> None:
        from sagewizard.tui.words import dollars

        super().__init__(
            "This creates resources in your AWS account, and they cost money.",
            f"It costs about {dollars(plan.usd)} and takes about {plan.minutes:.0f} minutes.\n"
            f"Type the account number {account} to go on.",
            account,
        )
        self._plan = plan
        self._problem = problem
        self.recipe = recipe

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
        if "deploy" in self._plan.steps:
            with Horizontal(classes="dialog-ends"):
                yield Static("The endpoint deletes itself after:")
                value = str(self.recipe.value("deploy.ttl") or "")
                yield Input(
                    "" if value == NEVER else value, id="ends", compact=True, placeholder="never (2h, 90m)"
                )
        yield Static(Content(self._text), classes="dialog-text")
        yield Input(id="typed", compact=True, placeholder=self._word)
        yield Static(
            "Enter goes on when it is the same, Esc cancels.", classes="dialog-hint", id="typed-hint"
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the time first, then the number."""
        event.prevent_default()  # the dialog below would look at the field for itself
        fault = self._take_time()
        self.set_class(bool(fault), "-fault")
        if fault:
            self.query_one("#typed-hint", Static).update(Content(f"✗ {fault}"))
            self.query_one("#ends").focus()
        elif event.input.id == "ends":
            self.query_one("#typed").focus()
        else:
            super().on_input_submitted(event)

    def _take_time(self) -> str:
        """Set after how long the endpoint deletes itself; return what is wrong with it, or hinders it."""
        from sagewizard.engine.ttl import check, of_recipe

        fields = self.query("#ends").results(Input)
        text = next((field.value.strip() for field in fields), None)
        if text is None:
            return ""
        try:
            recipe = self.recipe.with_settings({"deploy.ttl": text or NEVER})
            found = of_recipe(recipe)
            if found is not None:
                check(found.seconds, simulated=False)
        except UsageError as error:
            return f"{error.message} {error.remedy}"
        if found is not None and self._problem and found.otherwise == "stop":
            return (
                f"It could not delete itself: {self._problem}. Empty the field to go on without, or Esc and"
                " make the role: sagewizard doctor --target aws --create-ttl-role"
            )
        if text or of_recipe(self.recipe) is not None:
            self.recipe = recipe
        return ""


def _plan(recipe: Recipe, target: Target) -> RunPlan:
    from sagewizard.engine.plan import plan_run

    return plan_run(
        recipe, target=target.name, simulated=target.simulated, region=target.region, prices=target.prices,
        account=target.account_id, bucket=target.bucket, quotas=target.quotas,
    )  # fmt: skip
