"""The form of options, when it is made again while a key is under way."""

from __future__ import annotations

import asyncio

from sagewizard.recipe import finding
from sagewizard.tui.screens.run import RunScreen
from sagewizard.tui.widgets.form import FormRow

PATH = "train.num_round"


def test_what_was_typed_just_before_all_settings_are_shown_is_taken(settings, make_app, wait_until):
    async def go():
        app = make_app(settings)
        async with app.run_test(size=(80, 24)) as pilot:
            app.control.open_recipe(finding.load("vertebral-xgboost"))
            app.push_screen(RunScreen(app.control))
            await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
            app.screen.show("algorithm")
            await wait_until(pilot, lambda: len(app.screen.query(FormRow)) > 1)
            few = len(app.screen.query(FormRow))
            row = next(row for row in app.screen.query(FormRow) if row.option.path == PATH)
            row.field.focus()
            await pilot.pause()
            row.field.value = "17"  # its Changed comes after the rows are gone
            await app.screen.pane.action_algorithm_advanced()
            await pilot.pause()
            rows = {row.option.path: row.field.value for row in app.screen.query(FormRow)}
            assert len(rows) > few
            assert rows[PATH] == "17"
            assert app.control.changes()[PATH] == ("42", "17")

    asyncio.run(go())
