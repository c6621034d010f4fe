"""Owns results, teardown with its proof, and the end: the command that repeats it, a recipe of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard import events as ev
from sagewizard.engine import results as outcomes
from sagewizard.errors import SageWizardError
from sagewizard.guide import pictures
from sagewizard.guide.asking import Back, Choice
from sagewizard.guide.settings_menu import menu
from sagewizard.i18n import _
from sagewizard.outcome_events import ClustersMeasured, ThresholdsCompared
from sagewizard.render.units import count, duration, hourly

if TYPE_CHECKING:
    from sagewizard.engine.results import Results
    from sagewizard.guide.place import Place

GO = "go"


def results(place: Place) -> None:
    """Judge the model, and let a person try thresholds."""
    session = place.session
    help_text = place.introduce("evaluate")
    menu(place.asker, session, ["evaluate"], _("Judge the model?"), _("Show the results"), help_text)
    while True:
        place.do("evaluate")
        found = outcomes.load(session.settings.runs / session.run_id)
        _show(place, found)
        place.answer("evaluate")
        if found.kind != outcomes.BINARY:
            return
        chosen = _thresholds(place, found, help_text)
        if chosen is None:
            return
        session.set({"evaluate.threshold": chosen})


def _show(place: Place, found: Results) -> None:
    from sagewizard.render import residuals

    voice, session = place.voice, place.session
    if found.confusion is not None:
        words = _("Confusion matrix of the {split} split, {rows} rows, by predictions of the {source}")
        title = words.format(split=found.split, rows=count(len(found)), source=found.source)
        pictures.confusion(voice, found.confusion, title)
    made = session.last(ev.EvaluationMade)
    if made is not None:
        pictures.metrics(voice, made.metrics)
    for compared in session.every(ThresholdsCompared, "evaluate")[-1:]:
        pictures.thresholds(voice, compared)
    for grouped in session.every(ClustersMeasured, "evaluate")[-1:]:
        pictures.clusters(voice, grouped)
    if found.kind == outcomes.REGRESSION and not voice.plain:
        drawn = residuals(found.expected.tolist(), found.predicted.tolist(), ink=voice.ink)
        voice.lines(drawn.splitlines())


def _thresholds(place: Place, found: Results, help_text: str) -> str | None:
    """Let a person try thresholds on the rows at hand; return the one to keep, None for none."""
    sweep = found.sweep()
    tried = ""
    while True:
        choices = [Choice(GO, _("Go on"))]
        words = _("A row is called {positive} when its score is above the threshold.")
        told = words.format(positive=found.classes[1])
        choices.append(Choice("try", _("Try another threshold"), told))
        if tried:
            keep = _("Keep {threshold} as the threshold of this run").format(threshold=tried)
            choices.append(Choice("keep", keep))
        answer = place.asker.choose(_("Results"), choices, GO, help_text)
        if answer == GO:
            return None
        if answer == "keep":
            return tried
        current = 0.5 if found.threshold is None else found.threshold
        try:
            tried = place.asker.text(
                _("Threshold, from 0 to 1"), f"{current:.4g}",
                lambda value: place.session.fault("evaluate.threshold", value) or _no_number(value), told,
            )  # fmt: skip
        except Back:
            continue
        # The sweep calls a row positive from a score on, the model above it.
        matrix = sweep.matrix(_above(float(tried)))
        title = _("Confusion matrix at the threshold {threshold}").format(threshold=tried)
        pictures.confusion(place.voice, matrix, title)
        measures = sweep.measures(_above(float(tried)))
        shown: dict[str, float] = {
            name: measures[name] for name in ("accuracy", "precision", "recall", "f1") if name in measures
        }
        pictures.metrics(place.voice, shown)


def _above(threshold: float) -> float:
    import math

    return math.nextafter(threshold, math.inf)


def _no_number(value: str) -> str:
    try:
        float(value)
    except ValueError:
        return _("'{value}' is not a number").format(value=value[:40])
    return ""


def teardown(place: Place) -> None:
    """Say what is alive and what it costs, delete it, and show the proof."""
    session, voice = place.session, place.voice
    help_text = place.introduce("teardown")
    alive = session.alive()
    for entry in alive:
        price = f", {hourly(entry.hourly_usd)}" if entry.hourly_usd else ""
        voice.text(
            _("{kind} {name}{price}").format(kind=entry.kind.replace("-", " "), name=entry.name, price=price),
            "  ",
        )
    more = [
        Choice("keep", _("Keep everything for now"), _("What has a price an hour goes on costing it on AWS."))
    ]
    go = _("Delete what this run has made")
    kept = menu(place.asker, session, ["teardown"], _("Tear down?"), go, help_text, more=more) == "keep"
    if kept:
        place.kept = True
        return
    place.kept = False
    place.do("teardown")
    from sagewizard.engine.inventory import prove
    from sagewizard.engine.ledger import JOBS, Ledger

    made = Ledger(session.settings.ledger).of_run(session.run_id)
    things = dict.fromkeys((entry.kind, entry.name) for entry in made if entry.kind not in JOBS)
    proofs = prove(session.engine(), things)
    if proofs:
        voice.text(_("The proof, asked of the target once more:"))
    for proof in proofs:
        word = _("gone") if proof.gone else _("still there")
        voice.text(f"{proof.operation} {proof.name}: {word}. {proof.answer}", "  ")


def end(place: Place) -> None:
    """Show the bill and the command that repeats everything; offer to save the answers as a recipe."""
    from sagewizard.cli.report import usd

    session, voice = place.session, place.voice
    voice.heading(_("That was it"))
    cost = session.last(ev.CostChanged)
    if cost is not None:
        words = _("On AWS, these seconds would have cost {usd}.") if cost.simulated else _("It cost {usd}.")
        voice.text(words.format(usd=usd(cost.usd)))
        seconds = sum(event.seconds for event in session.told if isinstance(event, ev.StepFinished))
        voice.text(_("Run {run}: {time} of work.").format(run=session.run_id, time=duration(seconds)))
    voice.line(_("The same again, in one command:"))
    for line in command_lines(place):
        voice.command(line)
    choices = [
        Choice("no", _("No, that is all")),
        Choice(
            "yes", _("Yes, as a file"), _("A YAML file that `sagewizard run` takes; change it as you like.")
        ),
    ]
    while True:
        question = _("Save your answers as a recipe of your own?")
        if place.asker.choose(question, choices, "no") == "no":
            return
        try:
            _save(place)
        except Back:
            continue
        return


def command_lines(place: Place) -> list[str]:
    """Return the command as lines a shell joins; one line where it fits."""
    from sagewizard.recipe.command import command_line

    session = place.session
    whole = command_line(session.named, session.recipe.settings, session.target_name, keep=place.kept)
    if len(whole) + 2 <= place.voice.columns:
        return [whole]
    words = shlex.split(whole)
    lines, line = [], ""
    for number, word in enumerate(words):
        if word.startswith("--") and number:
            lines.append(f"{line} \\")
            line = f"    {word}"
        else:
            line = f"{line} {shlex.quote(word)}" if line else shlex.quote(word)
    return [*lines, line]


def _save(place: Place) -> None:
    from sagewizard.recipe.writing import recipe_text, script_of, write_new

    recipe = place.session.recipe
    text = ""

    def name_fault(name: str) -> str:
        nonlocal text
        try:
            text = recipe_text(recipe, name)
        except SageWizardError as error:
            return f"{error.message} {error.remedy}"
        return ""

    name = place.asker.text(
        _("Name of the recipe"), f"my-{recipe.name}", name_fault, _("Small letters, digits and hyphens.")
    )

    def path_fault(path: str) -> str:
        try:
            write_new(Path(path).expanduser(), text, script=script_of(recipe))
        except SageWizardError as error:
            return f"{error.message} {error.remedy}"
        return ""

    path = place.asker.text(_("File"), f"{name}.yaml", path_fault, _("A new file; nothing is written over."))
    place.voice.text(_("Saved. Run it with:"))
    place.voice.command(shlex.join(["sagewizard", "run", path]))
