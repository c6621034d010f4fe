"""Owns the deploy pane: the endpoint's status, its variant, its price an hour, how long it is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import Static

from sagewizard.render.units import clock_time
from sagewizard.tui import topics as t
from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.panes.base import StepPane, introduction
from sagewizard.tui.panes.train import transitions
from sagewizard.tui.words import dollars, duration, per_hour, plural

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.tui.model import RunModel


class DeployPane(StepPane):
    """The endpoint."""

    KEYS_OF = "deploy"
    BINDINGS = bindings_for("deploy")
    ALWAYS: ClassVar[frozenset[str]] = frozenset(("deploy.settings",))
    TOPICS: ClassVar[frozenset[str]] = frozenset((t.JOBS, t.COST, t.STEPS, t.RESOURCES, t.PREDICTION))

    def compose_body(self) -> ComposeResult:
        """Yield the facts."""
        yield Static(id="deploy-status")
        yield Static(id="deploy-facts")

    def on_mount(self) -> None:
        """Count the uptime."""
        super().on_mount()
        self.set_interval(1.0, self._count)

    def _count(self) -> None:
        if self.is_attached and self.display:
            self.query_one("#deploy-facts", Static).update(facts(self.model, self.control.clock.now()))

    def action_deploy_settings(self) -> None:
        """Change the step's settings; the end of an endpoint that is there changes at once."""
        if self.control.refuse():
            return
        from sagewizard.tui.screens.step_settings import StepSettings

        def told(changed: bool) -> None:
            if changed:
                never = self.control.recipe_text("deploy.ttl") == "never"
                words = "stays until it is torn down" if never else "deletes itself as set now"
                self.notify(f"The endpoint {words}.", markup=False)

        def closed(changed: bool | None) -> None:
            if changed:
                self.control.retime(told)

        self.app.push_screen(StepSettings(self.control, "deploy", "Settings of the endpoint"), closed)

    def _frame(self, model: RunModel) -> None:
        super()._frame(model)
        text = self.view.text
        if self.view.status == "waiting" and text is not None and not self.control.recorded:
            from sagewizard.tui.screens.step_settings import settings_line

            line = settings_line(self.control, "deploy", "ttl")
            note = Content.from_markup("[b]s[/b]  $line", line=line) if line else Content("")
            intro = introduction(text.what, text.expect, text.cost)
            self.query_one(".pane-intro", Static).update(Content("\n\n").join([intro, note]))

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Draw status and facts."""
        self.query_one("#deploy-status", Static).update(transitions(model.job("endpoint")))
        self.query_one("#deploy-facts", Static).update(facts(model, self.control.clock.now()))


PARTS = ("model", "endpoint-config", "schedule")


def facts(model: RunModel, now: float) -> Content:
    """Return name, variant, instances, price, uptime, bill and the parts of the endpoint."""
    job = model.job("endpoint")
    if job is None:
        return Content("The model, the endpoint configuration and the endpoint are about to be created.")
    outputs = model.step("deploy").outputs
    options = model.step("deploy").options
    alive = model.alive.get(("endpoint", job.name))
    rows = [("Endpoint", job.name)]
    if outputs.get("variant"):
        count, kind = options.get("instance_count", 1), options.get("instance_type", "")
        rows.append(("Variant", f"{outputs['variant']}, {count} x {kind}"))
    hourly = alive.hourly_usd if alive is not None else None
    if hourly:
        word = "would cost" if model.simulated else "costs"
        where = " on AWS" if model.simulated else ""
        rows.append(("Price", f"{word} {per_hour(hourly)}{where}, used or not"))
        rows.append(("A day", dollars(hourly * 24)))
        if alive is not None and alive.price_source:
            rows.append(("Price of", alive.price_source))
    begun, gone = job.at("InService"), job.at("Deleted")
    if begun is not None:
        rows.append(("Up" if gone is None else "Was up", duration(max(0.0, (gone or now) - begun))))
        if hourly and gone is None:
            rows.append(("So far", dollars(hourly * max(0.0, now - begun) / 3600.0)))
    end = model.ends.get(job.name)
    if end is not None and gone is None:
        left = duration(max(0.0, end - now))
        rows.append(("Ends", f"deletes itself at {clock_time(end)}, in {left}, unless it is used before"))
    if gone is not None:
        rows.append(("Now", "deleted"))
    calls = len(model.predictions)
    if calls:
        rows.append(("Asked", f"{plural(calls, 'single prediction')} shown here"))
    parts = [f"{r.kind} {r.name}" for r in model.alive.values() if r.kind in PARTS]
    rows += [("Made of", part) for part in parts]
    return Content("\n").join(Content.assemble((f"{name:<10}", "bold"), text) for name, text in rows)
