"""What a front end's first page shows: the shipped recipes as cards, recent runs, and what is billing now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagewizard.engine.ledger import Entry
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings
    from sagewizard.target import PriceList


@dataclass(frozen=True, slots=True)
class Card:
    """One recipe; `minutes` and `usd` are of a whole run on AWS, `problem` a fault of its file."""

    name: str
    title: str
    summary: str
    level: str
    dataset: str
    algorithm: str
    minutes: float
    usd: float | None
    steps: tuple[str, ...]
    recipe: Recipe | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run: its state in the journal's words, the last step that is done, what of it is alive."""

    run_id: str
    recipe: str
    title: str
    target: str
    status: str
    reached: str
    steps_done: int
    steps_total: int
    f1: float | None
    usd: float
    simulated: bool
    created: float
    updated: float
    alive: tuple[Entry, ...]

    @property
    def hourly_usd(self) -> float:
        """What it goes on costing each hour."""
        return sum(entry.hourly_usd or 0.0 for entry in self.alive)


FIRST = "digits-linear-learner"
"""The recipe to begin with, whose data is there already; the others follow by their minutes."""

REGION = "us-east-1"
"""The region of the prices on the cards; a run asks for those of its own."""


def table_prices() -> PriceList:
    """Return the dated prices that ship, for what is shown before a target is open."""
    from sagewizard.aws.prices import TablePrices

    return TablePrices()


def cards() -> list[Card]:
    """Load every shipped recipe; a file with a fault becomes a card that says so."""
    from sagewizard.engine.estimate import estimate
    from sagewizard.errors import SageWizardError
    from sagewizard.recipe import finding

    prices = table_prices()
    found = []
    for name, path in finding.shipped().items():
        try:
            recipe = finding.load(path)
        except SageWizardError as error:
            found.append(Card(name, name, "", "", "", "", 0.0, None, (), None, f"{error} {error.remedy}"))
            continue
        cost = estimate(recipe, prices, REGION)
        dataset = recipe.file.dataset
        found.append(
            Card(
                name=recipe.name,
                title=recipe.title,
                summary=recipe.summary,
                level=recipe.file.level,
                dataset=dataset.name or dataset.path or "",
                algorithm=recipe.algorithm.name,
                minutes=cost.minutes,
                usd=None if any(item.usd is None for item in cost.items) else cost.usd,
                steps=recipe.steps,
                recipe=recipe,
            )
        )
    return sorted(found, key=lambda card: (bool(card.problem), card.name != FIRST, card.minutes, card.name))


def runs(settings: Settings) -> list[RunRow]:
    """Return all runs, newest first, with what of each is alive according to the ledger."""
    from sagewizard.engine import state as states
    from sagewizard.engine.ledger import Ledger

    alive: dict[str, list[Entry]] = {}
    for entry in Ledger(settings.ledger).alive():
        if entry.kind != "s3-prefix":
            alive.setdefault(entry.run_id, []).append(entry)
    rows = []
    for state in states.all_runs(settings.runs):
        done = [name for name, step in state.steps.items() if step.status == "finished"]
        metrics = state.outputs("evaluate").get("metrics", {})
        score = metrics.get("f1", metrics.get("macro_f1"))
        rows.append(
            RunRow(
                run_id=state.run_id,
                recipe=state.recipe,
                title=state.recipe,
                target=state.target,
                status=state.status,
                reached=done[-1] if done else "",
                steps_done=len(done),
                steps_total=len(state.steps),
                f1=None if score is None else float(score),
                usd=state.usd,
                simulated=state.simulated,
                created=state.created,
                updated=state.updated,
                alive=tuple(alive.get(state.run_id, ())),
            )
        )
    return rows
