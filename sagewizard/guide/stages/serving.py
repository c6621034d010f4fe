"""Owns what is done with the model: deploy it, ask it, send it the whole test set."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard.engine.costs import HOSTING
from sagewizard.errors import SageWizardError
from sagewizard.guide import pictures
from sagewizard.guide.asking import Back, Choice, Leave
from sagewizard.guide.place import WITHOUT
from sagewizard.guide.settings_menu import ask_option, menu
from sagewizard.i18n import _
from sagewizard.outcome_events import DeletionScheduled
from sagewizard.render.cells import clean, cut
from sagewizard.render.units import clock_time, hourly

if TYPE_CHECKING:
    from sagewizard.guide.place import Place

MOST_AT_ONCE = 20
LINES = 3


def deploy(place: Place) -> None:
    """Say what an hour costs, then deploy."""
    session = place.session

    def price() -> None:
        prices, region = session.prices
        machine = str(session.recipe.value("deploy.instance_type"))
        count = int(session.recipe.value("deploy.instance_count") or 1)
        found = prices.hourly(region, machine, HOSTING)
        each = _("a price that is not known") if found is None else hourly(found.usd_per_hour * count)
        words = _("On AWS this endpoint costs {price} ({count} x {machine}) until it is deleted.")
        if not session.simulated:
            words = _("This endpoint costs {price} ({count} x {machine}) until it is deleted.")
        place.voice.text(words.format(price=each, count=count, machine=machine), style="warn")

    help_text = place.introduce("deploy")
    length = session.recipe.options().get("deploy.ttl")
    if length is not None and not session.simulated and length.path not in session.recipe.settings:
        # Where an hour costs money it is asked outright; in the sandbox it is one of the settings.
        ask_option(place.asker, session, length)
    while True:
        menu(place.asker, session, ["deploy"], _("Deploy?"), _("Deploy the model"), help_text, before=price)
        if _may_end(place):
            break
    place.do("deploy")
    session.retime()
    place.answer("deploy")


def _may_end(place: Place) -> bool:
    """Say where the endpoint could not delete itself as asked for, and what to do; False to change it.

    Raises Leave when the person stops here.
    """
    from sagewizard.engine.ttl import REMEDY, of_recipe
    from sagewizard.targets import ttl_problem

    session = place.session
    ttl = of_recipe(session.recipe)
    if ttl is None or ttl.otherwise == "continue" or session.target is None:
        return True
    problem = ttl_problem(session.target, ttl.role)
    if not problem:
        return True
    place.voice.text(_("The endpoint could not delete itself: {why}.").format(why=problem), style="bad")
    place.voice.text(REMEDY)
    choices = [
        Choice("change", _("Go back and change something")),
        Choice(WITHOUT, _("Deploy it without: it stays until it is torn down")),
        Choice("stop", _("Stop here")),
    ]
    answer = place.asker.choose(_("What now?"), choices, "change", REMEDY)
    if answer == "stop":
        raise Leave
    if answer == WITHOUT:
        session.set({"deploy.ttl_else": "continue"})
    return answer == WITHOUT


def predict(place: Place) -> None:
    """Ask the endpoint: a row and the whole test set first, then whatever the person likes."""
    session = place.session
    help_text = place.introduce("predict")
    whole = bool(session.recipe.value("predict.requests"))
    go = _("Send a row, then the whole test set") if whole else _("Send a row")
    menu(place.asker, session, ["predict"], _("Predict?"), go, help_text)
    place.do("predict")
    for event in session.every(ev.PredictionMade, "predict")[:1]:
        _shown(place, event)
    place.answer("predict")
    choices = [
        Choice("go", _("Go on")),
        Choice("random", _("Predict a random test row")),
        Choice("row", _("Predict a test row by its number")),
        Choice("several", _("Predict several rows at once")),
        Choice("values", _("Predict values of my own"), _("One number a column, with commas.")),
    ]
    # Seeded, so that the same answers show the same rows.
    dice = random.Random(int(session.recipe.value("dataset.seed") or 0))  # noqa: S311
    while any(entry.kind == "endpoint" for entry in session.alive()):
        answer = place.asker.choose(_("Predict more?"), choices, "go", help_text)
        if answer == "go":
            return
        try:
            _more(place, answer, dice)
        except Back:
            continue
        except SageWizardError as error:
            place.voice.text(f"{error.message} {error.remedy}", style="bad")


def _more(place: Place, answer: str, dice: random.Random) -> None:
    desk = place.session.desk()
    rows = len(desk.table().parts["test"])
    if answer == "values":
        columns = desk.table().features
        text = place.asker.text(
            _("{count} numbers, with commas").format(count=columns), "",
            lambda value: _values_fault(value, columns), _("One number a column, in the order of the data."),
        )  # fmt: skip
        _shown(place, desk.predict_values([float(part) for part in text.split(",")]))
        return
    ends = place.session.last(DeletionScheduled)
    wanted = [dice.randint(1, rows)]
    if answer == "row":
        words = _("Which test row, from 1 to {rows}?").format(rows=rows)
        wanted = [int(place.asker.text(words, "1", lambda value: _whole_fault(value, rows)))]
    if answer == "several":
        words = _("How many, from 1 to {most}?").format(most=min(MOST_AT_ONCE, rows))
        many = place.asker.text(words, "5", lambda value: _whole_fault(value, min(MOST_AT_ONCE, rows)))
        wanted = sorted(dice.sample(range(1, rows + 1), int(many)))
    made = [desk.predict_row(row) for row in wanted]
    if len(made) == 1:
        _shown(place, made[0])
    for event in made if len(made) > 1 else ():
        words = _("Row {row}: {expected} in the data, {said} by the model")
        told = words.format(row=event.row, expected=event.expected, said=event.predicted)
        if event.graded:
            told += f", {_('right') if event.correct else _('wrong')}"
        place.voice.text(told, "  ")
    later = place.session.last(DeletionScheduled)
    if later is not None and later != ends:
        words = _("Used, so the endpoint deletes itself later: at {time}.")
        place.voice.text(words.format(time=clock_time(later.at)))


def _whole_fault(value: str, most: int) -> str:
    if value.isdecimal() and len(value) < 10 and 1 <= int(value) <= most:
        return ""
    return _("'{value}' is not a whole number from 1 to {most}").format(value=value[:40], most=most)


def _values_fault(value: str, columns: int) -> str:
    parts = value.split(",")
    if len(parts) != columns:
        return _("{given} values were given, and a row has {columns}").format(
            given=len(parts) if value else 0, columns=columns
        )
    for part in parts:
        try:
            float(part)
        except ValueError:
            return _("'{part}' is not a number").format(part=part.strip()[:40])
    return ""


def _shown(place: Place, event: ev.PredictionMade) -> None:
    table = place.session.desk().table()
    values = table.values(event.row) if event.row and table.has(event.row) else []
    shape = (table.image_height, table.image_width)
    both = None if shape[0] is None or shape[1] is None else (shape[0], shape[1])
    pictures.prediction(place.voice, event, values, both)


def transform(place: Place) -> None:
    """Send the test set through a batch transform, and show some lines beside what went in."""
    session = place.session
    help_text = place.introduce("transform")
    go = _("Begin the batch transform: {price}").format(price=place.price_of("transform"))
    menu(place.asker, session, ["transform"], _("Transform?"), go, help_text)
    place.do("transform")
    room = pictures.room(place.voice, 10)
    unicode = place.voice.ink.unicode
    for line in session.desk().output_lines(1, LINES):
        words = _("Row {row}").format(row=line.row)
        place.voice.line(f"  {words}")
        place.voice.line(f"    in   {cut(clean(line.request), room, unicode=unicode)}")
        place.voice.line(f"    out  {cut(clean(line.answer), room, unicode=unicode)}")
    place.answer("transform")
