"""The commands `recipes list|show|validate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sagewizard.cli.terminal import console, wrap
from sagewizard.errors import RecipeError, SageWizardError
from sagewizard.exit_codes import ExitCode
from sagewizard.recipe import finding
from sagewizard.render import table

if TYPE_CHECKING:
    import argparse

    from sagewizard.recipe.recipe import Recipe


def list_recipes(options: argparse.Namespace) -> int:
    """List the shipped recipes."""
    recipes = [finding.load(path) for path in finding.shipped().values()]
    if options.json:
        _json([_summary(recipe) for recipe in recipes])
        return ExitCode.OK
    out = console(sys.stdout)
    for recipe in recipes:
        out.line(recipe.name, "bold")
        for line in wrap(recipe.title, out.ink.width, "    "):
            out.line(line)
        minutes = f"about {recipe.estimated_minutes():.0f} minutes on AWS"
        out.line(f"    {recipe.file.level}, {recipe.algorithm.title}, {minutes}")
    return ExitCode.OK


def show(options: argparse.Namespace) -> int:
    """Show one recipe."""
    recipe = finding.load(options.recipe)
    if options.yaml:
        sys.stdout.buffer.write(recipe.raw)
        return ExitCode.OK
    if options.json:
        _json({**_summary(recipe), "options": {p: o.json_schema() for p, o in recipe.options().items()}})
        return ExitCode.OK
    out = console(sys.stdout)
    columns = min(out.ink.width, 100)
    out.line(recipe.title, "bold")
    for line in wrap(recipe.summary, columns):
        out.line(line)
    out.line()
    dataset = recipe.file.dataset
    out.line(f"dataset    {dataset.name or dataset.path}")
    out.line(f"algorithm  {recipe.algorithm.title} ({recipe.algorithm.name})")
    for step in recipe.all_steps:
        text = recipe.text(step)
        out.line()
        if step in recipe.steps:
            out.line(f"{recipe.steps.index(step) + 1}. {text.title} ({step})", "bold")
        else:
            out.line(f"-  {text.title} ({step}): left out, unless --set {step}.enabled=true", "bold")
        for title, body in (
            ("what", text.what),
            ("why", text.why),
            ("expect", text.expect),
            ("cost", text.cost),
            ("ask", text.question),
            ("answer", text.answer),
            ("note", text.instructor if options.instructor else ""),
        ):
            if body:
                first, *rest = wrap(body, columns, " " * 10)
                out.line(f"   {title:<7}{first[10:]}")
                for line in rest:
                    out.line(line)
        rows = [
            [option.path, _shown(recipe.value(option.path)), option.allowed]
            for option in recipe.options().values()
            if option.section == step
            and (not option.hyperparameter or option.name in recipe.hyperparameters)
            and (step != "tune" or recipe.value(option.path) is not None)
        ]
        if recipe.asked(step):
            out.line(f"   for the class to decide: {', '.join(option.path for option in recipe.asked(step))}")
        if rows:
            for line in table(rows, ["--set", "value", "allowed"], ink=out.ink.narrower(3)).splitlines():
                out.line(f"   {line}")
    out.line()
    out.line(f"`sagewizard recipes show {recipe.name} --json` has every option with its help.")
    return ExitCode.OK


def validate(options: argparse.Namespace) -> int:
    """Check recipe files; every one is looked at, and each fault is one line with its place."""
    out, err = console(sys.stdout), console()
    worst = ExitCode.OK
    for name in options.recipes:
        try:
            recipe = finding.load(name)
        except SageWizardError as error:
            from sagewizard.cli.problems import show_error

            show_error(error, err)
            worst = ExitCode.USAGE
            if not isinstance(error, RecipeError):
                continue
        else:
            out.line(f"{out.glyph('done')} {name}: fine, {len(recipe.steps)} steps")
    return worst


def schema(options: argparse.Namespace) -> int:
    """Print the JSON schema of recipe files."""
    from sagewizard.recipe.json_schema import recipe_schema

    _json(recipe_schema())
    return ExitCode.OK


def new(options: argparse.Namespace) -> int:
    """Write a new recipe from a template, a run or a CSV file."""
    from pathlib import Path

    from sagewizard.errors import UsageError
    from sagewizard.recipe import writing

    if options.label and not options.csv:
        raise UsageError("--label names a column of a CSV file.", remedy="Give the file with --csv FILE.")
    recipe = _begin(options)
    path = Path(options.output or f"{options.name}.yaml").expanduser()
    if recipe is None:
        text = writing.template_text(options.name, title=options.title)
        writing.write_new(path, text)
    else:
        title = options.title or (f"Your file {Path(options.csv).name}" if options.csv else None)
        text = writing.recipe_text(recipe, options.name, title=title)
        writing.write_new(path, text, script=writing.script_of(recipe))
    out = console(sys.stdout)
    out.line(f"{out.glyph('done')} {path} is written. Change it as you like, then:")
    out.line(f"  sagewizard recipes validate {path}")
    out.line(f"  sagewizard run {path}")
    return ExitCode.OK


def _begin(options: argparse.Namespace) -> Recipe | None:
    """Return the recipe to begin with; None for the commented template."""
    if options.csv:
        label = {"dataset.label": options.label} if options.label else {}
        return finding.load("own-csv").with_settings({"dataset.path": options.csv, **label})
    if options.run:
        from sagewizard import settings as settings_module
        from sagewizard.engine import state as states
        from sagewizard.engine.opening import recipe_of

        settings = settings_module.load()
        return recipe_of(settings, states.find(settings.runs, options.run))
    return finding.load(options.template) if options.template else None


def _summary(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "summary": recipe.summary,
        "level": recipe.file.level,
        "source": recipe.source,
        "dataset": recipe.file.dataset.name or recipe.file.dataset.path,
        "algorithm": recipe.algorithm.name,
        "hyperparameters": recipe.effective_hyperparameters(),
        "minutes_on_aws": recipe.estimated_minutes(),
        "steps": list(recipe.steps),
        "optional_steps": [step for step in recipe.all_steps if step not in recipe.steps],
    }


def _shown(value: object) -> str:
    from sagewizard.recipe.options import as_text

    return "" if value is None else as_text(value) or ""


def _json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
