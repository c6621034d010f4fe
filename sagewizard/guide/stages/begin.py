"""Owns the beginning: which recipe, whose data, and a first look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard.errors import SageWizardError, UsageError
from sagewizard.guide import pictures
from sagewizard.guide.asking import Back, Choice
from sagewizard.guide.settings_menu import GO, menu
from sagewizard.i18n import _

if TYPE_CHECKING:
    from sagewizard.guide.place import Place

FILE, OWN = "file", "own-csv"


def recipe(place: Place) -> None:
    """Ask which recipe; one that was named on the command line is taken as it is, the first time."""
    from sagewizard.cli.report import usd
    from sagewizard.gallery import FIRST, cards
    from sagewizard.recipe import finding

    if place.first is not None:
        named, place.first = place.first, None
        place.session.take(finding.load(named), place.assigned)
        _told(place)
        return
    found = [card for card in cards() if card.recipe is not None]
    choices = []
    for card in found:
        words = _("{name}: {level}, {minutes} min, {usd} on AWS")
        title = words.format(
            name=card.name, level=card.level, minutes=f"{card.minutes:.0f}",
            usd=_("no price known") if card.usd is None else usd(card.usd),
        )  # fmt: skip
        choices.append(Choice(card.name, title, card.title))
    choices.append(Choice(FILE, _("A recipe file of mine")))
    place.voice.heading(_("Which recipe?"))
    place.voice.text(
        _(
            "A recipe is a project: a dataset, an algorithm and the steps to take. Minutes and price are "
            "those of a whole run on AWS; the sandbox on this machine takes seconds and bills nothing."
        )
    )
    taken = place.session.recipe.name if place.session.chosen else FIRST
    default = taken if taken in {choice.value for choice in choices} else FIRST
    answer = place.asker.choose(_("Recipe"), choices, default)
    if answer == FILE:
        answer = place.asker.text(
            _("Path of the recipe file"),
            "",
            _no_recipe,
            _("A YAML file; `sagewizard recipes new` begins one."),
        )
    if place.session.chosen and place.session.recipe.name == answer:
        return
    _left(place)
    place.session.take(finding.load(answer), place.assigned)
    _told(place)


def _no_recipe(path: str) -> str:
    from sagewizard.recipe import finding

    if not path:
        return _("Write the path of a file, or b to go back.")
    try:
        finding.load(path)
    except SageWizardError as error:
        return f"{error} {error.remedy}"
    return ""


def _left(place: Place) -> None:
    """Say what a run that is left for another recipe has made, and still has."""
    from sagewizard.guide.walk import show_left

    show_left(place)


def _told(place: Place) -> None:
    recipe = place.session.recipe
    place.voice.heading(recipe.title)
    place.voice.text(recipe.summary)
    words = _("The whole recipe: {price}.").format(price=place.price_of(*recipe.steps))
    if place.session.simulated:
        words += " " + _("Here it runs in the sandbox, on this machine: nothing is billed.")
    place.voice.text(words)


def data(place: Place) -> None:
    """Ask whose data: the recipe's, or a CSV file of one's own in its place; then load it."""
    session = place.session
    help_text = place.introduce("dataset")
    recipe = session.recipe
    if recipe.file.dataset.own and "dataset.path" not in recipe.settings:
        _own(place)
    more = [
        Choice(OWN, _("Use a CSV file of mine"), _("Its columns are looked at, and you say what to predict."))
    ]
    while True:
        for note in session.recipe.notes:
            place.voice.text(note, "  ")
        go = _("Use this data: {name}").format(name=_dataset_name(place))
        if menu(place.asker, session, ["dataset"], _("Which data?"), go, help_text, more=more) == GO:
            break
        try:
            _own(place)
        except Back:
            continue
    place.do("dataset")
    place.answer("dataset")


def _dataset_name(place: Place) -> str:
    dataset = place.session.recipe.file.dataset
    return dataset.name or dataset.path or "?"


def _own(place: Place) -> None:
    from sagewizard.engine.looking import look_at_csv
    from sagewizard.recipe import finding

    def fault(path: str) -> str:
        if not path:
            return _("Write the path of a file, or b to go back.")
        try:
            look_at_csv(path)
        except (SageWizardError, OSError) as error:
            return str(error)
        return ""

    asker, voice = place.asker, place.voice
    path = asker.text(
        _("Path of the CSV file"), "", fault,
        _("One row a line, with or without names at the top; one column is what to predict."),
    )  # fmt: skip
    found = look_at_csv(path)
    voice.text(_("{rows} rows, {columns} columns:").format(rows=found.rows, columns=len(found.columns)))
    choices = [Choice("auto", _("Let the columns decide"))]
    for number, name in enumerate(found.columns):
        words = _("{name}: {kind}, {distinct} different values")
        title = words.format(name=name, kind=found.kinds[number], distinct=found.distinct[number])
        choices.append(Choice(str(number + 1), title))
    label = asker.choose(
        _("Which column is to be predicted?"), choices, str(found.guess + 1),
        _("The label: yes or no, one of several classes, or a number."),
    )  # fmt: skip
    changes = {"dataset.path": path, "dataset.label": label}
    session = place.session
    algorithm = session.recipe.algorithm.name
    if not session.recipe.file.dataset.own and session.recipe.origin is None:
        voice.text(_("Your own data has a recipe of its own, own-csv: the guide goes on with it."))
        if algorithm in ("xgboost", "linear-learner"):
            changes["dataset.algorithm"] = algorithm
    try:
        if session.recipe.file.dataset.own or session.recipe.origin is not None:
            session.set(changes)
        else:
            _left(place)
            session.take(finding.load(OWN), changes)
    except UsageError as error:
        voice.text(f"{error.message} {error.remedy}", style="bad")
        raise Back from error


def preview(place: Place) -> None:
    """Draw the first rows, and what the columns are like."""
    session = place.session
    help_text = place.introduce("preview")
    while True:
        place.do("preview")
        made, loaded = session.last(ev.PreviewMade), session.last(ev.DatasetLoaded)
        if made is not None:
            pictures.preview(place.voice, made)
            if not made.image_height:
                from sagewizard.engine.looking import look

                pictures.profile(place.voice, look(session.recipe, session.settings, rows=1))
        if loaded is not None:
            pictures.classes(place.voice, loaded.labels)
        place.answer("preview")
        before = session.recipe.value("preview.rows")
        menu(place.asker, session, ["preview"], _("Seen it?"), _("Go on"), help_text)
        if session.recipe.value("preview.rows") == before:
            return
