"""Owns which recipe a run on the screen has, and the options that were changed for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sagewizard.errors import UsageError
from sagewizard.tui import topics
from sagewizard.tui.model import RunModel
from sagewizard.tui.work import Work

if TYPE_CHECKING:
    from sagewizard.recipe.options import Option
    from sagewizard.recipe.recipe import Recipe


class Choices(Work):
    """The recipe, its options in force, and what is out of date since one was changed."""

    def __init__(self) -> None:
        super().__init__()
        self.model = RunModel()
        self.recipe: Recipe | None = None
        self.before_own: Recipe | None = None
        """The recipe that a file of the person's own has taken the place of; None when none has."""
        self.target_name = "sandbox"
        self.stale = ""
        """The first finished step that no longer fits the options in force; "" when none."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The recipe's steps; empty before a recipe is open."""
        return self.recipe.steps if self.recipe is not None else ()

    def option(self, path: str) -> Option | None:
        """Return the definition of an option: type, range, default, help."""
        return self.recipe.options().get(path) if self.recipe is not None else None

    def value(self, path: str) -> object:
        """Return the value in force at a path such as `train.epochs`; None when there is none."""
        return self.recipe.value(path) if self.recipe is not None else None

    def set_option(self, path: str, text: str) -> str:
        """Set an option for this run; return what is wrong with it, "" when it is set."""
        if self.recipe is None:
            return "no recipe is open"
        try:
            self.recipe = self.recipe.with_settings({path: text})
        except UsageError as error:
            return error.message
        self._options_changed(path)
        return ""

    def recipe_text(self, path: str) -> str:
        """Return the value in force at a path as text; "" when there is none."""
        from sagewizard.recipe.option import as_text

        return as_text(self.value(path)) or ""

    def check_option(self, path: str, text: str) -> str:
        """Say what would be wrong with a value, "" when nothing; sets nothing."""
        if self.recipe is None:
            return ""
        try:
            self.recipe.with_settings({path: text})
        except UsageError as error:
            return error.message
        return ""

    def reset_option(self, path: str | None = None) -> None:
        """Put one option, or all of them, back to the recipe's own value."""
        if self.recipe is None:
            return
        kept = {p: v for p, v in self.recipe.settings.items() if path is not None and p != path}
        changed = [p for p in self.recipe.settings if p not in kept]
        self.recipe = dataclasses.replace(self.recipe, settings=kept)
        for one in changed:
            self._options_changed(one)

    def changes(self) -> dict[str, tuple[object, object]]:
        """Return what differs from the recipe: path -> (the recipe's value, the value in force)."""
        if self.recipe is None:
            return {}
        plain = dataclasses.replace(self.recipe, settings={})
        found = {path: (plain.value(path), value) for path, value in self.recipe.settings.items()}
        return {path: pair for path, pair in found.items() if str(pair[0]) != str(pair[1])}

    def command(self, step: str = "") -> str:
        """Return the shell command that does the same up to a step, ready to paste."""
        if self.recipe is None:
            return "sagewizard"
        from sagewizard.recipe.command import command_line

        until = step if step and step != self.steps[-1] else None
        return command_line(self._named(), self.recipe.settings, self.target_name, until=until)

    def _options_changed(self, path: str) -> None:
        section, option = path.partition(".")[0], self.option(path)
        if option is not None and option.live:
            self._queue.put(lambda: {topics.OPTIONS, topics.STEPS})
            return
        view = self.model.steps.get(section)
        if view is not None and view.status == "done":
            steps = list(self.model.steps)
            if not self.stale or steps.index(section) < steps.index(self.stale):
                self.stale = section
        self._queue.put(lambda: {topics.OPTIONS, topics.STEPS})

    def _named(self) -> str:
        recipe = self.recipe
        if recipe is None:
            return ""
        from sagewizard.recipe import finding

        if recipe.name in finding.shipped():
            return recipe.name
        return recipe.source
