"""Owns the teardown pane: what is alive and its price, deleting it, then the proof that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from sagewizard.render.cells import clean
from sagewizard.render.units import duration
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import Action, StepPane
from sagewizard.tui.whole import whole
from sagewizard.tui.widgets.rows import RowTable, tail
from sagewizard.tui.words import dollars, per_hour, plural

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.engine.inventory import Proof
    from sagewizard.errors import SageWizardError
    from sagewizard.tui.control import RunControl
    from sagewizard.tui.model import RunModel
    from sagewizard.tui.views import ResourceView

BUCKET = "s3-prefix"
WIDE = 100
"""Columns from which whole names fit beside the other columns."""
SHORT_NAME = 19


def key_of(view: ResourceView) -> str:
    """Return what tells a resource from all others: an endpoint and its schedule have the same name."""
    return f"{view.name} {view.kind}"


class TeardownPane(StepPane):
    """A table of what is alive; below it what the target has said to be gone, in its own words."""

    KEYS_OF = "teardown"
    BINDINGS = bindings_for("teardown")
    TOPICS = frozenset((t.RUN, t.STEPS, t.RESOURCES, t.COST, t.OPTIONS))
    BODY_BEFORE = True

    def __init__(self, step: str, control: RunControl) -> None:
        super().__init__(step, control)
        self.proofs: dict[tuple[str, str], Proof] = {}
        self.deleting: set[str] = set()
        self._asked: frozenset[tuple[str, str]] | None = None

    def compose_body(self) -> ComposeResult:
        """Lay out the table, the bill and the proof."""
        yield Static(id="teardown-head")
        yield RowTable(id="teardown-alive")
        yield Static(id="teardown-bill")
        yield Static(id="teardown-gone")

    def on_mount(self) -> None:
        """Let ages and costs move on."""
        super().on_mount()
        self.set_interval(1.0, self._tick)

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Follow what is alive and what is gone; ask for the proof when nothing is at work."""
        self._draw(model)
        gone = frozenset((view.kind, view.name) for view in model.gone)
        if self._asked is None:
            self._asked = gone if self.view.status == "done" else frozenset()
            if self._asked and not self.control.recorded and not self.control.busy:
                self._prove_earlier(sorted(gone))
        elif self.control.recorded:
            return
        elif gone != self._asked and not self.control.busy and not self.deleting:
            self._asked = gone
            self._ask_for_proof(sorted(gone))

    def offers(self, key_id: str) -> bool:
        """Offer to delete one while there is one, and to ask for the proof once something is gone."""
        if key_id == "teardown.delete":
            return bool(self._alive(self.model))
        return key_id != "teardown.prove" or bool(self.model.gone)

    def own_action(self) -> Action | None:
        """Delete what came alive again after a finished teardown."""
        if self.view.status in ("done", "skipped") and self._alive(self.model) and not self.control.busy:
            return Action(
                "Tear down what is alive",
                lambda: self._delete(self._alive(self.model)),
            )
        return None

    def action_teardown_delete(self) -> None:
        """Delete the selected resource, after a question."""
        if self.control.refuse():
            return
        table = self.query_one("#teardown-alive", RowTable)
        chosen = next((v for v in self._alive(self.model) if key_of(v) == table.key), None)
        if chosen is None:
            self.app.notify("Nothing is alive: there is nothing to delete.", markup=False)
            return
        if self.control.busy:
            self.app.notify("The run is at work: wait for it, or detach with d.", markup=False)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete([chosen])

        price = f" It ends {per_hour(chosen.hourly_usd)}." if chosen.hourly_usd else ""
        text = f"{chosen.kind} {chosen.name} cannot be brought back.{price}"
        if self.model.target == "aws":
            from sagewizard.tui.screens.modals import TypedConfirm

            self.app.push_screen(
                TypedConfirm(
                    f"Delete this {chosen.kind} on AWS?", f"{text} Type its name to go on.", chosen.name
                ),
                answered,
            )
        else:
            from sagewizard.tui.screens.modals import Confirm

            self.app.push_screen(Confirm(f"Delete this {chosen.kind}?", text, "Delete"), answered)

    def action_teardown_settings(self) -> None:
        """Choose what a teardown takes besides."""
        if self.control.refuse():
            return
        from sagewizard.tui.screens.step_settings import StepSettings

        self.app.push_screen(StepSettings(self.control, "teardown", "What the teardown takes, too"))

    def action_teardown_prove(self) -> None:
        """Ask the target for everything that is gone."""
        if self.control.refuse():
            return
        if self.model.gone:
            self._ask_for_proof(sorted({(view.kind, view.name) for view in self.model.gone}))
        else:
            self.app.notify("Nothing of this run is gone yet.", markup=False)

    # Inside

    def _delete(self, views: list[ResourceView]) -> None:
        names = [view.name for view in views]
        kinds = {view.kind for view in views}
        # The schedule that would delete an endpoint has its name, and goes with it.
        kinds |= {"schedule"} if "endpoint" in kinds else set()
        keys = {key_of(view) for view in views}
        self.deleting |= keys

        def done(failed: list[tuple[str, str]]) -> None:
            self.deleting -= keys
            for name, reason in failed:
                self.app.notify(f"{name} is still there: {reason}", severity="error", markup=False)
            if whole(self):
                self.update_from(self.model, {t.RESOURCES})

        self.control.teardown(names, kinds=kinds, on_done=done)
        self._draw(self.model)

    def _alive(self, model: RunModel) -> list[ResourceView]:
        return [view for view in model.alive.values() if view.kind != BUCKET]

    def _ask_for_proof(self, things: list[tuple[str, str]]) -> None:
        control = self.control

        def ask() -> list[Proof]:
            from sagewizard.engine.inventory import prove

            return prove(control.engine(), things)

        def told(proofs: list[Proof]) -> None:
            self.proofs = {(proof.kind, proof.name): proof for proof in proofs}
            if whole(self):
                self._draw(self.model)

        self.control.call(ask, told, self._no_proof)

    def _prove_earlier(self, things: list[tuple[str, str]]) -> None:
        """Ask for what was torn down before it was looked at, unless a sandbox had to be started for that."""
        control = self.control
        if self.model.target != "sandbox":
            return  # on an account it is asked for with a key

        def running() -> bool:
            from sagewizard.targets import sandbox_runs

            return sandbox_runs(control.settings)

        def told(there: bool) -> None:
            if there and whole(self):
                self._ask_for_proof(things)

        control.call(running, told, lambda _error: None)

    def _no_proof(self, error: SageWizardError) -> None:
        self.app.notify(
            f"The proof could not be asked for: {error.message}", severity="warning", markup=False
        )

    def _tick(self) -> None:
        if self.display and self._alive(self.model):
            self._draw_table(self.model)

    def _draw(self, model: RunModel) -> None:
        self._draw_table(model)
        self._draw_bill(model)
        self._draw_gone(model)
        self._frame(model)

    def _draw_table(self, model: RunModel) -> None:
        alive, now = self._alive(model), self.control.clock.now()
        head, table = self.query_one("#teardown-head", Static), self.query_one("#teardown-alive", RowTable)
        table.display = bool(alive)
        if not alive:
            head.update(
                Text(
                    "✓ Nothing of this run is alive." if model.run_id else "· This run has made nothing yet."
                )
            )
            return
        hourly = sum(view.hourly_usd or 0.0 for view in alive)
        word = "would cost" if model.simulated else "costs"
        text = Text(f"● {plural(len(alive), 'resource')} alive", "bold")
        text.append(f", {word} {per_hour(hourly) or '$0/h'} · Del deletes one", "not bold")
        head.update(text)
        roomy = self.app.size.width >= WIDE
        extra = ("alive for", "so far") if roomy else ()  # the name, which tells them apart, goes before them
        table.fill(
            ("state", "kind", "per hour", *extra, "name"),
            {
                key_of(view): (
                    self._state(view),
                    view.kind,
                    per_hour(view.hourly_usd) or "-",
                    *(self._since(view, now) if roomy else ()),
                    view.name if roomy else tail(view.name, SHORT_NAME),
                )
                for view in alive
            },
        )

    def _since(self, view: ResourceView, now: float) -> tuple[str, str]:
        """Return how long it has been there, and what that came to."""
        seconds = max(0.0, now - view.since)
        return duration(seconds), dollars(view.hourly_usd * seconds / 3600) if view.hourly_usd else "-"

    def _state(self, view: ResourceView) -> str:
        if key_of(view) in self.deleting:
            return "▶ deleting"
        return "✗ stuck" if view.problem else "● alive"

    def _draw_bill(self, model: RunModel) -> None:
        lines = [Text(f"✗ {view.name}: {clean(view.problem)}") for view in self._alive(model) if view.problem]
        if model.run_id and not self.control.recorded:
            data = "goes, too" if self.control.value("teardown.delete_data") else "stays"
            logs = "go, too" if self.control.value("teardown.delete_logs") else "stay"
            change = "" if self.view.status == "done" else " · s changes that"
            lines.append(Text(f"Data in the bucket {data}, logs {logs}{change}", "dim"))
        self.query_one("#teardown-bill", Static).update(Text("\n").join(lines))

    def _draw_gone(self, model: RunModel) -> None:
        lines = []
        if model.gone:
            head = "the target's own words" if self.proofs else "r asks the target, as a proof"
            head = "as the recorded run has it" if self.control.recorded else head
            lines.append(Text(f"Gone: {head}", "bold"))
        for view in model.gone:
            proof = self.proofs.get((view.kind, view.name))
            if proof is None:
                lines.append(Text(f"✓ {view.kind} {view.name} is deleted"))
                continue
            mark, word = ("✓", "gone") if proof.gone else ("✗", "still there")
            lines.append(Text(f"{mark} {view.kind} {view.name}: {word}"))
            lines.append(Text(f"    {proof.operation} → {clean(proof.answer)}", "dim"))
        self.query_one("#teardown-gone", Static).update(Text("\n").join(lines))
