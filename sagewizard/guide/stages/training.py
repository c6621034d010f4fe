"""Owns hyperparameters, training and tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard import tuning_events as tv
from sagewizard.guide import pictures
from sagewizard.guide.asking import Choice
from sagewizard.guide.settings_menu import menu
from sagewizard.i18n import _
from sagewizard.outcome_events import CrossValidated

if TYPE_CHECKING:
    from sagewizard.guide.place import Place


def hyperparameters(place: Place) -> None:
    """Ask for what the algorithm may be told: the few that matter first, all on request."""
    recipe = place.session.recipe
    algorithm = recipe.algorithm
    place.voice.heading(_("Hyperparameters of {algorithm}").format(algorithm=algorithm.title))
    place.voice.text(
        _(
            "A hyperparameter is what an algorithm is told before it trains. The recipe has good values; "
            "choose one to read what it does and to change it."
        )
    )
    step = "train" if "train" in recipe.all_steps else "tune"
    menu(
        place.asker, place.session, [step], _("Train with these?"), _("Go on with these values"),
        _("Each setting has a default and a range, and is checked at once."),
    )  # fmt: skip


def train(place: Place) -> None:
    """Ask whether to tune as well, say what it takes, and do it."""
    session = place.session
    if "prepare" in session.recipe.steps:
        place.introduce("prepare")
        place.do("prepare")
        place.answer("prepare")
    if "train" not in session.recipe.all_steps:
        _tune(place)
        return
    help_text = place.introduce("train")
    price = place.price_of("train")
    one = _("Train one model: {price}").format(price=price)
    if "tune" not in session.recipe.all_steps:
        choices = [Choice("train", one)]
        place.asker.choose(_("Begin?"), choices, "train", help_text)
    else:
        on = "tune" in session.recipe.steps
        if not on:
            session.set({"tune.enabled": "true"})
        both = _("Train, then tune: {plan}").format(plan=_plan(place))
        if not on:
            session.set({"tune.enabled": "false"})
        tuning = session.recipe.text("tune")
        choices = [Choice("train", one), Choice("tune", both, tuning.what)]
        answer = place.asker.choose(_("Train or tune?"), choices, "tune" if on else "train", help_text)
        session.set({"tune.enabled": "true" if answer == "tune" else "false"})
    place.do("train")
    _trained(place)
    place.answer("train")
    if "tune" in session.recipe.steps:
        _tune(place)


def _plan(place: Place) -> str:
    """Say how many jobs a tuning is, how long it takes and what it costs."""
    from sagewizard.cli.report import usd
    from sagewizard.engine.tuning_plan import plan_of

    prices, region = place.session.prices
    plan = plan_of(place.session.recipe, prices, region)
    words = _("{jobs} jobs, {minutes} min, {usd} on AWS")
    return words.format(jobs=plan.tuning.jobs, minutes=f"{plan.minutes:.0f}", usd=usd(plan.usd))


def _tune(place: Place) -> None:
    session = place.session
    help_text = place.introduce("tune")
    menu(
        place.asker, session, ["tune"], _("Tune?"), _("Begin the tuning"), help_text,
        before=lambda: place.voice.text(_("The tuning: {plan}.").format(plan=_plan(place))),
    )  # fmt: skip
    if "tune" not in session.recipe.steps:
        return
    place.do("tune")
    place.answer("tune")
    changed = session.last(tv.TuningChanged)
    # In plain words each training job has been told when it ended.
    if changed is not None and not place.voice.plain:
        from sagewizard.cli.tuning import summary_lines

        place.voice.lines(
            summary_lines(
                changed.job, changed.trials, changed.objective, changed.goal, changed.best,
                changed.best_objective, place.voice.ink,
            )
        )  # fmt: skip


def _trained(place: Place) -> None:
    last: dict[str, float] = {}
    for event in place.session.every(ev.MetricReported, "train"):
        if event.name.startswith("validation:"):
            last[event.name] = event.value
    for name, value in list(last.items())[:4]:
        place.voice.text(f"{name} {value:.4f}", "  ")
    folds = place.session.every(CrossValidated, "train")
    if folds:
        pictures.folds(place.voice, folds[-1])
