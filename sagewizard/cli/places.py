"""Owns where `resources` and `teardown` look: an engine a region, its ledger rows, what only tags know."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewizard import boto_errors
from sagewizard.engine import discovery, inventory, ttl
from sagewizard.engine.api import is_missing
from sagewizard.errors import CredentialsError, SageWizardError, TargetError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sagewizard.engine import Engine
    from sagewizard.engine.discovery import Found
    from sagewizard.engine.ledger import Entry, Ledger
    from sagewizard.settings import Settings


@dataclass
class Place:
    """One region of an account: what of ours is there, what is tagged as somebody else's, what went wrong."""

    engine: Engine
    entries: list[Entry] = field(default_factory=list)
    others: list[Found] = field(default_factory=list)
    problem: str = ""


@dataclass
class Unasked:
    """A region that did not answer, and why."""

    region: str
    why: str


def look(
    options: argparse.Namespace, settings: Settings, ledger: Ledger, *, run_id: str | None = None
) -> Iterator[Place | Unasked]:
    """Open each region asked for, and those of the ledger; find what is there, and close what is gone.

    Regions named on the command line must answer; of --all-regions those that do not are yielded as Unasked.
    """
    from sagewizard.engine import Engine
    from sagewizard.targets import all_regions, open_to_clean

    rows = ledger.alive(run_id=run_id, target=options.target)
    listed: list[str | None] = [*options.regions]
    if options.all_regions:
        listed += all_regions(options.profile)
    elif not listed and run_id is None:
        listed = [None]
    if not options.regions:
        listed += [entry.region for entry in rows]
        if run_id is not None and getattr(options, "logs", False):
            listed += [entry.region for entry in ledger.of_run(run_id)]
    done: set[str] = set()
    for region in listed:
        if region in done:
            continue
        try:
            target = open_to_clean(options.target, settings, region=region, profile=options.profile)
        except (CredentialsError, TargetError) as error:
            if not options.all_regions or region is None:
                raise
            done.add(region)
            yield Unasked(region, error.message)
            continue
        if target.region in done:
            continue
        done.add(target.region)
        engine = Engine(target, settings=settings)
        place = Place(engine)
        try:
            _fill(place, ledger, options, run_id)
        except SageWizardError as error:
            here = [row for row in rows if row.region == target.region]
            if here or not options.all_regions:
                raise
            yield Unasked(target.region, error.message)
            continue
        yield place


def _fill(place: Place, ledger: Ledger, options: argparse.Namespace, run_id: str | None) -> None:
    engine = place.engine
    api = engine.api(threading.Event())
    if run_id is None:
        try:
            found = discovery.find(engine, api)
        except Exception as error:
            if not boto_errors.is_boto(error):
                raise
            if boto_errors.error_code(error) in ("UnrecognizedClientException", "InvalidClientTokenId"):
                raise CredentialsError(
                    "the region is not enabled for the account", remedy="Leave it out."
                ) from error
            found = []
            place.problem = boto_errors.translate(error, region=engine.target.region).message
        mine = [one for one in found if discovery.is_mine(engine, one, tuple(options.owners))]
        discovery.adopt(engine, mine)
        names = {(entry.kind, entry.name) for entry in ledger.alive(target=engine.target.name)}
        place.others = [one for one in found if one not in mine and (one.kind, one.name) not in names]
    rows = [e for e in ledger.alive(run_id=run_id, target=options.target) if inventory.belongs(engine, e)]
    with boto_errors.translated("ask what is there", region=engine.target.region):
        inventory.check(engine, rows)
    place.entries = [
        e for e in ledger.alive(run_id=run_id, target=options.target) if inventory.belongs(engine, e)
    ]


def self_deleting(place: Place) -> Iterator[str]:
    """Say of each endpoint with a schedule when it deletes itself."""
    api = place.engine.api(threading.Event())
    for entry in place.entries:
        if entry.kind != ttl.KIND:
            continue
        with boto_errors.translated("ask for the schedule", region=place.engine.target.region):
            try:
                answer = api("scheduler", "GetSchedule", show=False, Name=entry.name)
            except Exception as error:
                if is_missing(error):
                    continue
                raise
        moment = str(answer["ScheduleExpression"]).removeprefix("at(").removesuffix(")").replace("T", " ")
        yield f"{entry.name} deletes itself at {moment} UTC unless it is used before."
