"""Footer, help, palette and docs/keys.md come from one registry, and every key of it does something."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
from pathlib import Path

from textual.widgets import Input

import sagewizard.tui
from sagewizard.tui import keys
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.bindings import FORBIDDEN, KEYS, TITLES, bindings_for
from sagewizard.tui.screens.help import help_text
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.widgets.bars import FOOTER_KEYS, KeyFooter

ROOT = Path(__file__).resolve().parents[2]


def classes_with_keys():
    found = []
    for module in pkgutil.walk_packages(sagewizard.tui.__path__, "sagewizard.tui."):
        loaded = importlib.import_module(module.name)
        found += [
            one
            for one in vars(loaded).values()
            if inspect.isclass(one) and one.__module__ == module.name and getattr(one, "KEYS_OF", "")
        ]
    return found


def test_ids_and_commands_are_unique_and_titled():
    assert len({key.id for key in KEYS}) == len(KEYS)
    for key in KEYS:
        assert key.where in TITLES, key.id
        assert key.tooltip.endswith("."), key.id
        if key.command:
            area, _, verb = key.command.partition(": ")
            assert area and verb[0].isupper(), key.id


def test_no_key_is_one_that_terminals_mix_up():
    for key in KEYS:
        assert not set(key.keys.split(",")) & FORBIDDEN, key.id


def test_no_key_of_ours_is_one_that_a_field_takes_for_itself():
    """In a form the focus is in a field: ^d there would delete a letter, and not show the changes."""
    own = {
        key
        for binding in Input.BINDINGS
        if binding.action not in ("submit", "copy")  # Enter is handed on, ^c without a selection too
        for key in binding.key.split(",")
    }
    for key in KEYS:
        assert not {one for one in key.keys.split(",") if one.startswith("ctrl+")} & own, key.id


def test_every_part_has_a_widget_and_every_key_an_action_there():
    parts = {}
    for one in classes_with_keys():
        parts.setdefault(one.KEYS_OF, []).append(one)
    for where in {key.where for key in KEYS} - {"rail"}:
        assert parts.get(where), f"no widget takes the keys of {where}"
    for key in KEYS:
        for one in parts.get(key.where, []):
            if key.where == "rail":  # Textual's own list moves its cursor
                continue
            assert hasattr(one, f"action_{key.action}"), f"{one.__name__} has no action for {key.id}"
            bound = {binding.id for binding in one.BINDINGS if hasattr(binding, "id")}
            assert key.id in bound, f"{one.__name__} does not bind {key.id}"


def test_the_page_of_keys_is_the_registry():
    assert (ROOT / "docs" / "keys.md").read_text(encoding="utf-8") == keys.document(), (
        "make it again with `python -m sagewizard.tui.keys`"
    )


def test_bindings_are_the_registry():
    for where in TITLES:
        assert [binding.id for binding in bindings_for(where)] == [k.id for k in KEYS if k.where == where]


def test_help_palette_and_footer_show_the_registry(recorded, frozen, wait_until, shown):
    async def go():
        app = SageWizardApp(recorded, clock=frozen)
        async with app.run_test(size=(120, 40)) as pilot:
            await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and bool(app.screen.runs))
            active = [key for key, _node in app.active_keys()]
            assert {key.where for key in active} == {"home", "app"}
            commands = [command.title for command in app.get_system_commands(app.screen)]
            assert commands == [key.command for key in active if key.command and key.id != "app.palette"]
            text = str(help_text(active))
            for key in active:
                assert key.tooltip in text
            footer = str(app.screen.query_one(KeyFooter).render())
            offered = [k for k in active if k.footer and f"{k.short} {k.label}" in footer]
            assert 1 <= len(offered) <= FOOTER_KEYS
            assert footer.rstrip().endswith("^p commands")
            assert footer.startswith("Enter start")
            await pilot.press("slash")
            await wait_until(pilot, lambda: isinstance(app.focused, Input))
            await wait_until(pilot, lambda: "w watch" not in str(app.screen.query_one(KeyFooter).render()))
            # A letter is text in the field now: only keys that still work are offered.
            assert str(app.screen.query_one(KeyFooter).render()).split("  ") == [
                "Enter start", "F1 help", "^q quit", "^p commands",
            ]  # fmt: skip

    asyncio.run(go())
