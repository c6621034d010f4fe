"""Owns Home: the recipe gallery with its search, what a recipe teaches, recent runs, what is billing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.screens.base import AppScreen
from sagewizard.tui.words import RUN_STATES, ago, per_hour, plural

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.gallery import Card, RunRow

MOST_RUNS = 50
WELCOME = (
    "Welcome. SageWizard takes you through a whole SageMaker project, from data to predictions.\n"
    "Everything runs in a sandbox on this machine: no account, no bill, nothing to break.\n"
    "Press w to watch a recorded run, or Enter for a first one: five minutes to read, seconds to run."
)


class HomeScreen(AppScreen):
    """The gallery; Enter starts the selected recipe or goes on with the selected run."""

    KEYS_OF = "home"
    BINDINGS = bindings_for("home")
    AUTO_FOCUS = "#recipes"

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[Card] = []
        self.runs: list[RunRow] = []
        self.pictures: dict[str, str] = {}
        self._asked: set[str] = set()
        self._loaded = False
        self._lines: list[Content] = []
        """The lines of the recent runs as they are drawn."""

    def compose_main(self) -> ComposeResult:
        """Lay out the gallery beside what the selected recipe teaches, and the runs below."""
        with Vertical(id="home-main"):
            yield Static(WELCOME, id="welcome")
            yield Input(placeholder="Search recipes: digits, beginner ...", id="search", compact=True)
            with Horizontal(id="gallery"):
                yield OptionList(id="recipes")
                with VerticalScroll(id="about", can_focus=True):
                    yield Static("", id="about-picture")
                    yield Static("", id="about-text")
            with Vertical(id="recent"):
                yield Static("Recent runs", id="recent-title")
                yield OptionList(id="runs")

    def on_mount(self) -> None:
        """Show the frame first; the gallery follows from a worker."""
        self.query_one("#welcome").display = False
        self.query_one("#recent").display = False
        self.query_one("#about-text", Static).update("Reading the recipes.")
        self.draw_status()
        self.set_interval(1.0, self._count)
        # The frame is written by a thread: what a worker imports would keep it waiting.
        self.set_timer(1.5 if getattr(self.app, "replaying", False) else 0.05, self.reload)

    def status(self) -> tuple[list[str], list[str]]:
        """Return the bar: what is billed now, over all runs."""
        alive = [entry for row in self.runs for entry in row.alive]
        endpoints = [entry for entry in alive if entry.hourly_usd]
        hourly = sum(entry.hourly_usd or 0.0 for entry in endpoints)
        if not self._loaded:
            return ["sagewizard"], []
        if not endpoints:
            return ["sagewizard", "Home"], ["nothing is billing"]
        simulated = all(row.simulated for row in self.runs if row.alive)
        word = "would cost" if simulated else "billing"
        what = f"{len(endpoints)} alive"
        place = "[SANDBOX]" if simulated else "[AWS]"
        return ["sagewizard", "Home"], [place, what, f"{word} {per_hour(hourly)} now"]

    def offers(self, key_id: str) -> bool:
        """Offer the recent runs only where there are some."""
        return key_id != "home.focus-runs" or bool(self.runs)

    # Loading

    def reload(self) -> None:
        """Read recipes and runs again, in a worker."""
        from sagewizard import gallery

        settings = self.control.settings
        known = self.cards

        def read() -> tuple[list[Card], list[RunRow]]:
            return known or gallery.cards(), gallery.runs(settings)

        self.control.call(read, self._read)

    def _read(self, found: tuple[list[Card], list[RunRow]]) -> None:
        if not self.is_mounted:
            return
        self.cards, self.runs = found[0], sorted(found[1], key=lambda row: -row.updated)
        first_time = not self._loaded
        self._loaded = True
        self.query_one("#welcome").display = not self.runs
        self._fill_recipes(self.query_one("#search", Input).value)
        self._fill_runs()
        self.draw_status()
        self.call_after_refresh(self.redraw_keys)
        if first_time and self.focused is None:
            self.query_one("#recipes").focus()

    def _fill_recipes(self, wanted: str) -> None:
        recipes = self.query_one("#recipes", OptionList)
        before = self._selected_card()
        words = wanted.lower().split()
        shown = [card for card in self.cards if all(word in _haystack(card) for word in words)]
        # What the name says comes before what a summary mentions.
        shown.sort(key=lambda card: not all(word in card.name for word in words))
        recipes.clear_options()
        recipes.add_options([Option(_card_text(card), id=card.name) for card in shown])
        if shown:
            names = [card.name for card in shown]
            recipes.highlighted = (
                names.index(before.name) if before and before.name in names and not words else 0
            )
        else:
            empty = f"No recipe fits {wanted!r}. Esc empties the search." if wanted else "No recipes."
            self.query_one("#about-text", Static).update(Content(empty))
            self.query_one("#about-picture", Static).update("")

    def _fill_runs(self) -> None:
        runs = self.query_one("#runs", OptionList)
        place = runs.highlighted
        runs.clear_options()
        shown = self.runs[:MOST_RUNS]
        lines = self._lines = _run_lines(shown, self.control.clock.now())
        runs.add_options([Option(line, id=row.run_id) for line, row in zip(lines, shown, strict=True)])
        self.query_one("#recent").display = bool(self.runs)
        if self.runs:
            runs.highlighted = min(place or 0, len(self.runs) - 1)
        alive = sum(1 for row in self.runs if row.alive)
        title = "Recent runs" + (f", {alive} with something alive" if alive else "")
        self.query_one("#recent-title", Static).update(title)

    def _count(self) -> None:
        """Let the time since each run go on."""
        if self.app.screen is not self or not self._lines:
            return
        lines = _run_lines(self.runs[:MOST_RUNS], self.control.clock.now())
        runs = self.query_one("#runs", OptionList)
        for place, (line, before) in enumerate(zip(lines, self._lines, strict=True)):
            if line.plain != before.plain:
                runs.replace_option_prompt_at_index(place, line)
        self._lines = lines

    # What is selected

    def _selected_card(self) -> Card | None:
        recipes = self.query_one("#recipes", OptionList)
        option = recipes.highlighted_option
        return next((card for card in self.cards if option is not None and card.name == option.id), None)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say what the recipe under the cursor teaches."""
        if event.option_list.id != "recipes":
            return
        card = self._selected_card()
        if card is None:
            return
        self.query_one("#about-text", Static).update(_about(card))
        picture = self.query_one("#about-picture", Static)
        if card.name in self.pictures:
            self._show_picture(card.name)
            return
        picture.update("")
        self._ask_picture(card)

    def _ask_picture(self, card: Card) -> None:
        if card.name in self._asked or card.recipe is None:
            return
        self._asked.add(card.name)
        recipe, settings = card.recipe, self.control.settings
        colourless = bool(getattr(self.app, "colourless", False))

        def draw() -> str:
            from sagewizard.engine.looking import thumbnail
            from sagewizard.tui.pictures import draw_thumbnail

            found = thumbnail(recipe, settings)
            return draw_thumbnail(found, 36, colourless=colourless) if found is not None else ""

        def drawn(text: str) -> None:
            self.pictures[card.name] = text or "No picture of its data yet: the first step gets it."
            self._show_picture(card.name)

        self.control.call(draw, drawn, lambda _error: drawn(""))

    def _show_picture(self, name: str) -> None:
        card = self._selected_card()
        if card is not None and card.name == name and self.is_mounted:
            from rich.text import Text

            self.query_one("#about-picture", Static).update(Text.from_ansi(self.pictures[name]))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as the person types."""
        self._fill_recipes(event.value)

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Start what the search has found."""
        self.action_home_open()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Start on Enter or a click."""
        if event.option_list.id == "runs":
            self._resume(str(event.option.id))
        else:
            self.action_home_open()

    # Actions

    def action_home_open(self) -> None:
        """Start the selected recipe, or go on with the selected run."""
        runs = self.query_one("#runs", OptionList)
        if self.focused is runs and runs.highlighted_option is not None:
            self._resume(str(runs.highlighted_option.id))
            return
        card = self._selected_card()
        if card is None:
            return
        if card.recipe is None:
            from sagewizard.errors import RecipeError

            error = RecipeError(card.problem, remedy="Correct the file.")
            self.app.show_error(error)  # type: ignore[attr-defined]
            return
        if self.control.busy:
            self.notify("The run before is still at work: it is left to itself now.", markup=False)
            self.control.detach()
        self.control.open_recipe(card.recipe)
        if self.query_one("#search", Input).value:
            self.action_home_clear()  # who comes back looks at recipes, and would type into what was found
        self._open_run_screen()

    def _resume(self, run_id: str) -> None:
        if self.control.busy and self.control.model.run_id == run_id:
            self._open_run_screen()
            return
        self.control.detach()
        self.control.open_run(run_id, self._open_run_screen)

    def _open_run_screen(self) -> None:
        self.app.open_run_screen()  # type: ignore[attr-defined]

    def action_home_watch(self) -> None:
        """Play back a recorded run: of the selected recipe when there is one, else of the first."""
        from sagewizard.engine.recording import shipped

        known, card = shipped(), self._selected_card()
        name = card.name if card is not None and card.name in known else next(iter(known), "")
        if name:
            self.app.open_shipped_replay(name)  # type: ignore[attr-defined]  # the app is always ours

    def action_home_aws(self) -> None:
        """Start the selected recipe on AWS, once its price is seen and the account number is typed."""
        from sagewizard.tui.screens.going_to_aws import ask

        card = self._selected_card()
        if card is None or card.recipe is None:
            self.notify("Choose a recipe first.", markup=False)
            return
        ask(self.app, self.control, card.recipe, self._open_run_screen)

    def action_home_search(self) -> None:
        """Go to the search."""
        self.query_one("#search").focus()

    def action_home_focus_runs(self) -> None:
        """Go to the recent runs."""
        if self.runs:
            self.query_one("#runs").focus()
        else:
            self.notify("There are no runs yet: Enter starts the first.", markup=False)

    def action_home_clear(self) -> None:
        """Empty the search and go back to the list."""
        self.query_one("#search", Input).value = ""
        self.query_one("#recipes").focus()


def _haystack(card: Card) -> str:
    return " ".join((card.name, card.title, card.level, card.dataset, card.algorithm, card.summary)).lower()


def _card_text(card: Card) -> Content:
    if card.problem:
        return Content(f"✗ {card.name}\n  cannot be read: {card.problem}")
    price = f"${card.usd:.2f} on AWS" if card.usd is not None else "no price known"
    data = card.dataset or "your CSV"
    line = f"  {card.level} · {card.algorithm}\n  {data} · {card.minutes:.0f} min, {price}"
    return Content.assemble((card.title, "bold"), "\n", (line, "dim"))


def _about(card: Card) -> Content:
    if card.problem:
        return Content(card.problem)
    steps = ", ".join(card.steps)
    return Content.assemble(" ".join(card.summary.split()), "\n\n", ("Steps  ", "bold"), steps)


def _run_lines(rows: list[RunRow], now: float) -> list[Content]:
    """Return a line for each run, their parts below each other."""
    table = []
    for row in rows:
        glyph, word = RUN_STATES.get(row.status, ("?", row.status))
        if row.status != "finished":
            done = plural(row.steps_done, "step")
            word = f"{done} done" if row.status == "partial" else f"{word}, {done} done"
        alive = per_hour(row.hourly_usd) + " alive" if row.hourly_usd else "alive" if row.alive else ""
        score = f"F1 {row.f1:.3f}" if row.f1 is not None else ""
        table.append((f"{glyph} {word}", row.recipe, ago(now - row.updated), score, alive.strip()))
    widths = [max(len(line[place]) for line in table) for place in range(5)] if table else []
    return [
        Content("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True) if width))
        for line in table
    ]
