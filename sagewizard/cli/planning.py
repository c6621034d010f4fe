"""Shows the plan of a run, and on AWS has it confirmed: the account number typed, or --yes --budget."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sagewizard.cli.terminal import console
from sagewizard.errors import CancelledError, UsageError
from sagewizard.exit_codes import ExitCode
from sagewizard.i18n import _
from sagewizard.render.plan import plan_lines, proposal_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sagewizard.engine.plan import RunPlan
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import Target


def dry_run(options: argparse.Namespace, settings: Settings, recipe: Recipe) -> int:
    """Write the plan to stdout; for the sandbox without starting it, for AWS with reading calls only."""
    if options.target == "sandbox":
        plan = _offline_plan(options, recipe, options.target)
    else:
        target = _opened(options, settings, options.target, options.region)
        plan = plan_on(target, recipe, options)
    if options.json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(plan.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
        return ExitCode.OK
    out = console(sys.stdout)
    for line in plan_lines(plan, out.ink):
        out.line(line)
    console().line(_("Nothing was created."))
    return ExitCode.OK


def open_and_confirm(
    options: argparse.Namespace,
    settings: Settings,
    recipe: Recipe,
    name: str,
    region: str | None,
    *,
    done: Sequence[str] = (),
) -> tuple[Target, Recipe]:
    """Open the target, show the plan, have it confirmed; return the target and the recipe to run.

    Until it is confirmed only reading calls are made. UsageError when it cannot be confirmed or afforded,
    CancelledError when it is not confirmed.
    """
    from sagewizard.engine.plan import accepted, check_affordable, refuse_proposals, refuse_without_ttl

    err = console()
    if not (options.yes or may_ask()):
        # What can be said without asking AWS comes first: which types the run cannot have.
        refuse_proposals(_offline_plan(options, recipe, name))
        raise UsageError(
            "Running on AWS asks for the account number, and there is no terminal to type it on.",
            remedy="Say how much may be spent, as --yes --budget 2.00, or run this in a terminal.",
        )
    target = _opened(options, settings, name, region)
    plan = plan_on(target, recipe, options, done=done)
    refuse_without_ttl(plan)
    if plan.proposals:
        if not options.yes:
            for line in proposal_lines(plan, err.ink):
                err.line(line)
            if not _accept(plan):
                refuse_proposals(plan)
        changed = accepted(recipe, plan)
        for proposal in plan.proposals:
            words = _("{path} is {proposed} instead of {wanted}: {reason}.")
            err.line(
                words.format(
                    path=proposal.path, proposed=proposal.proposed, wanted=proposal.wanted,
                    reason=proposal.reason,
                )
            )  # fmt: skip
        recipe, plan = changed, plan_on(target, changed, options, done=done)
    for line in plan_lines(plan, err.ink):
        err.line(line)
    check_affordable(plan)
    if options.yes:
        err.line(
            _("Confirmed by --yes for the account {account}, up to the budget.").format(account=plan.account)
        )
    elif not _confirmed(plan):
        raise CancelledError(
            f"The plan for the account {plan.account} was not confirmed; nothing was created.",
            remedy="Run the same in the sandbox with --target sandbox, or confirm the plan.",
        )
    return target, recipe


def plan_on(
    target: Target, recipe: Recipe, options: argparse.Namespace, *, done: Sequence[str] = ()
) -> RunPlan:
    """Return the plan of a run on an open target."""
    from sagewizard.engine.plan import plan_run
    from sagewizard.engine.ttl import check, of_recipe
    from sagewizard.targets import ttl_problem

    ttl = of_recipe(recipe)
    if ttl is not None:
        check(ttl.seconds, simulated=target.simulated)
    return plan_run(
        recipe, target=target.name, simulated=target.simulated, region=target.region, prices=target.prices,
        account=target.account_id, bucket=target.bucket, quotas=target.quotas, from_step=options.from_step,
        until=options.until, done=done, keep=options.keep, budget=options.budget,
        ttl_problem="" if ttl is None else ttl_problem(target, ttl.role),
    )  # fmt: skip


def may_ask() -> bool:
    """Whether somebody is there to read a question and to type an answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _offline_plan(options: argparse.Namespace, recipe: Recipe, target: str) -> RunPlan:
    """Return what can be told of a run without opening its target."""
    from sagewizard.aws.prices import TABLE_REGION, TablePrices
    from sagewizard.engine.plan import plan_run

    return plan_run(
        recipe, target=target, simulated=target == "sandbox",
        region=getattr(options, "region", None) or TABLE_REGION,
        prices=TablePrices(), from_step=options.from_step, until=options.until, keep=options.keep,
        budget=options.budget,
    )  # fmt: skip


def _opened(options: argparse.Namespace, settings: Settings, name: str, region: str | None) -> Target:
    from sagewizard.targets import open_target

    # Opening only reads; what is confirmed is the plan, which needs the prices and quotas of the account.
    return open_target(
        name, settings, region=region, profile=options.profile, role=options.role,
        confirm=lambda _account: True,
    )  # fmt: skip


def _accept(plan: RunPlan) -> bool:
    """Offer the proposals; Enter or yes takes them."""
    if not all(proposal.proposed for proposal in plan.proposals):
        return False
    out = console()
    out.stream.write(_("Press Enter to take the proposed types, or type no: "))
    out.stream.flush()
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().lower() in ("", "y", "yes")


def _confirmed(plan: RunPlan) -> bool:
    out = console()
    out.line(_("This creates resources in a real AWS account, and they cost money."), "warn")
    out.stream.write(_("Type the account number {account} to go on: ").format(account=plan.account))
    out.stream.flush()
    return sys.stdin.readline().strip() == plan.account
