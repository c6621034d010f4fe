"""Owns the prepare pane: the channels and objects that went into the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import Static

from sagewizard.tui import topics as t
from sagewizard.tui.panes.base import StepPane

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sagewizard.tui.model import RunModel


class PreparePane(StepPane):
    """What was uploaded, and which channel reads it."""

    TOPICS: ClassVar[frozenset[str]] = frozenset((t.STEPS, t.CALLS))

    def compose_body(self) -> ComposeResult:
        """Yield the list."""
        yield Static(id="prepare-facts")

    def refresh_body(self, model: RunModel, topics: set[str]) -> None:
        """Draw what is in the bucket so far."""
        self.query_one("#prepare-facts", Static).update(facts(model))


def facts(model: RunModel) -> Content:
    """Return bucket, channels and objects."""
    outputs = model.step("prepare").outputs
    lines: list[Content] = []
    if outputs.get("content_type"):
        lines.append(Content.assemble(("Format      ", "bold"), str(outputs["content_type"])))
    for channel, place in dict(outputs.get("channels") or {}).items():
        short = str(place).partition("sagewizard/")[2] or str(place)
        lines.append(Content.assemble((f"{channel:<12}", "bold"), short))
    objects = [
        f"{call.request.get('Key', '')}".rpartition("/")[2]
        for call in model.calls_of("prepare")
        if call.operation in ("PutObject", "UploadFile", "CompleteMultipartUpload") and not call.error_code
    ]
    if objects:
        lines.append(Content.assemble(("Objects     ", "bold"), ", ".join(dict.fromkeys(objects))))
    if lines:
        lines += [Content(""), Content("k shows the calls that put them there; x shows them as Python.")]
    return Content("\n").join(lines)
