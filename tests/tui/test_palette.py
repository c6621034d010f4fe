"""The command palette, when keys are typed ahead of it."""

from __future__ import annotations

import asyncio

from textual.app import App
from textual.command import CommandList, DiscoveryHit, Hit, Provider

from sagewizard.tui.screens.palette import Palette


def test_a_command_that_is_chosen_twice_before_the_list_closes_runs_once(wait_until):
    ran = []

    class One(Provider):
        async def discover(self):
            yield DiscoveryHit("app: Do it", lambda: ran.append("it"))

        async def search(self, query):
            yield Hit(1.0, "app: Do it", lambda: ran.append("it"))

    async def go():
        app = App()
        async with app.run_test() as pilot:
            app.push_screen(Palette(providers=[One]))
            await wait_until(pilot, lambda: isinstance(app.screen, Palette))
            found = app.screen.query_one(CommandList)
            await wait_until(pilot, lambda: found.option_count == 1 and app.screen._list_visible)
            found.highlighted = 0
            found.action_select()
            found.action_select()
            await wait_until(pilot, lambda: not isinstance(app.screen, Palette))
            await pilot.pause()
            assert ran == ["it"]

    asyncio.run(go())
