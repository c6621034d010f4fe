"""Owns the menu of options before a step: the few that matter first, all on request, each with its help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.algorithms import Kind
from sagewizard.guide.asking import Back, Choice, Leave
from sagewizard.i18n import _, ngettext
from sagewizard.recipe.option import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagewizard.guide.asking import Asker
    from sagewizard.guide.session import Session
    from sagewizard.recipe.option import Option
    from sagewizard.recipe.recipe import Recipe

GO, ALL, STOP = "go", "all", "stop"
FEW = 6
UNITS = {"_seconds": "s", "_mb": "MB", "_gb": "GB"}
"""Units that stand at the end of an option's name."""
SHAPE = ("feature_dim", "num_class", "num_classes")
"""Hyperparameters that follow from the data: nothing to try out."""


def few(recipe: Recipe, step: str) -> list[Option]:
    """Return the options to show first: the recipe's questions, what it sets itself, then the basic ones."""
    # Whether to tune at all is a question of its own.
    options = [
        option for option in every(recipe, step) if option.path != "tune.enabled" and _applies(option, recipe)
    ]
    asked = [option.path for option in recipe.asked(step)]
    given = {
        option.path
        for option in options
        if option.path in recipe.settings or option.path in recipe.values
        or (option.hyperparameter and option.name in recipe.hyperparameters)
    }  # fmt: skip

    def rank(option: Option) -> int:
        if option.path in asked:
            return 0
        if option.path in recipe.settings:
            return 1
        structural = option.name in SHAPE or option.definition.kind is Kind.TEXT or option.definition.required
        if option.path in given and not structural:
            return 2
        return 3 if not option.definition.advanced and (not structural or option.live) else 4

    def order(option: Option) -> tuple[int, int]:
        return rank(option), asked.index(option.path) if option.path in asked else 0

    ranked = sorted(options, key=order)
    return [option for option in ranked if rank(option) < 4][:FEW]


def every(recipe: Recipe, step: str) -> list[Option]:
    """Return all options of a step."""
    return [option for option in recipe.options().values() if option.section == step]


def _applies(option: Option, recipe: Recipe) -> bool:
    for other, values in option.definition.only_when:
        value = as_text(recipe.value(f"train.{other}"))
        if value is not None and value not in values:
            return False
    return True


def shown(recipe: Recipe, option: Option) -> str:
    """Return an option with its value in force, for a menu."""
    value = as_text(recipe.value(option.path))
    changed = _(" (changed)") if option.path in recipe.settings else ""
    said = _word(option, value) if value else _("not set")
    return f"{option.definition.title}: {said}{changed}"


def _word(option: Option, value: str) -> str:
    """Return a value as it is said: yes and no, seconds and megabytes as such."""
    if option.definition.kind is Kind.BOOLEAN:
        return {"true": _("yes"), "false": _("no")}.get(value, value)
    unit = next((unit for ending, unit in UNITS.items() if option.name.endswith(ending)), "")
    return f"{value} {unit}" if unit and value.isdecimal() else value


def explained(option: Option) -> str:
    """Return what an option means, what may stand there, and how to set it on the command line."""
    definition = option.definition
    default = definition.default if definition.default is not None else _("none")
    words = _("{help} Allowed: {allowed}. Default: {default}. In a command: --set {path}=...")
    return words.format(
        help=definition.help, allowed=option.allowed, default=default, path=option.path
    )  # fmt: skip


def ask_option(asker: Asker, session: Session, option: Option) -> None:
    """Ask for the value of one option and set it. Raises Back."""
    recipe = session.recipe
    definition = option.definition
    current = as_text(recipe.value(option.path)) or ""
    question = f"{definition.title} ({option.path})"
    text = explained(option)
    asker.voice.text(definition.help)
    listed = list(definition.choices)
    if definition.kind is Kind.BOOLEAN:
        listed = [*definition.words, "true", "false"]
    if listed:
        choices = [Choice(value, _word(option, value)) for value in listed]
        answer = asker.choose(question, choices, current if current in listed else listed[0], text)
        fault = session.fault(option.path, answer)
        if fault:
            asker.voice.text(_("Not taken: {fault}").format(fault=fault), style="bad")
            return
    else:
        allowed = option.allowed
        answer = asker.text(
            f"{question}: {allowed}", current,
            lambda value: "" if value == current else session.fault(option.path, value), text,
            shown=current or _("not set"),
        )  # fmt: skip
    if answer != current:
        session.set({option.path: answer})


def menu(
    asker: Asker,
    session: Session,
    steps: Sequence[str],
    question: str,
    go: str,
    about: str,
    *,
    more: Sequence[Choice] = (),
    before: Callable[[], None] | None = None,
) -> str:
    """Ask until the person goes on; return GO or the value of one of `more`. Raises Back or Leave."""
    while True:
        if before is not None:
            before()
        recipe = session.recipe
        listed = [option for step in steps for option in few(recipe, step)]
        total = sum(len(every(recipe, step)) for step in steps)
        choices = [Choice(GO, go), *more]
        choices += [Choice(option.path, shown(recipe, option), option.definition.help) for option in listed]
        if total > len(listed):
            words = ngettext("The one setting there is", "All {count} settings", total)
            choices.append(Choice(ALL, words.format(count=total)))
        choices.append(Choice(STOP, _("Stop here, and go on another day")))
        answer = asker.choose(question, choices, GO, about)
        if answer == STOP:
            raise Leave
        if answer == GO or answer in {choice.value for choice in more}:
            return answer
        try:
            if answer == ALL:
                _choose_of_all(asker, session, steps)
            else:
                ask_option(asker, session, recipe.options()[answer])
        except Back:
            continue


def _choose_of_all(asker: Asker, session: Session, steps: Sequence[str]) -> None:
    while True:
        recipe = session.recipe
        options = [option for step in steps for option in every(recipe, step)]
        choices = [Choice("done", _("Done"))]
        choices += [Choice(option.path, shown(recipe, option), option.definition.help) for option in options]
        answer = asker.choose(
            _("Which setting?"),
            choices,
            "done",
            _("Choose one to read what it does, what may be written, and to change it."),
        )
        if answer == "done":
            return
        try:
            ask_option(asker, session, recipe.options()[answer])
        except Back:
            continue
