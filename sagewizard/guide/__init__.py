"""The guide: a whole project as questions, with arrow keys or as plain lines. `run(options)` opens it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sagewizard.guide.asking import Front
    from sagewizard.guide.session import Session
    from sagewizard.settings import Settings
    from sagewizard.target import Target


def why_plain(asked: bool) -> str | None:
    """Return why the guide has to be plain: "" because it was asked for, None when it need not be."""
    if asked:
        return ""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "Input or output is no terminal"
    if os.environ.get("TERM", "") in ("", "dumb"):
        return "The terminal is a plain one (TERM)"
    return None


def run(options: argparse.Namespace) -> int:
    """Ask on the terminal and return the exit code."""
    from sagewizard import settings
    from sagewizard.cli.run import open_for, settings_of
    from sagewizard.cli.terminal import console
    from sagewizard.guide.plain import PlainFront
    from sagewizard.guide.session import Session
    from sagewizard.guide.voice import Voice
    from sagewizard.guide.walk import Walk

    reason = why_plain(options.plain)
    voice = Voice(console(sys.stdout), plain=reason is not None)
    front: Front
    if reason is not None:
        front = PlainFront(sys.stdin, voice)
        if reason:
            voice.text(f"{reason}, so the questions are plain lines, as with --plain.")
    else:
        from sagewizard.guide.prompts import QuestionaryFront

        front = QuestionaryFront(voice)
    folders = settings.load()

    def opened(name: str, region: str | None) -> Target:
        if name == "sandbox":
            return open_for(options, folders, name, region or options.region)
        return _on_aws(options, folders, session, region or options.region)

    session = Session(folders, options.target, opened)
    walk = Walk(front, voice, session, instructor=options.instructor, anew=not sys.stdin.isatty())
    return walk.run(options.recipe, settings_of(options))


def _on_aws(options: argparse.Namespace, folders: Settings, session: Session, region: str | None) -> Target:
    """Open AWS: the plan with its prices first, then the account number, typed."""
    import argparse

    from sagewizard.cli.planning import open_and_confirm

    whole = argparse.Namespace(
        profile=options.profile, role=options.role, from_step=None, until=None, keep=False, budget=None,
        yes=False,
    )  # fmt: skip
    target, recipe = open_and_confirm(
        whole, folders, session.recipe, session.target_name, region, done=session.done
    )
    session.set(recipe.settings)
    return target
