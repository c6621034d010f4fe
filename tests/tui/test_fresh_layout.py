"""A text that changes twice around one layout gets the height of what it says."""

from __future__ import annotations

import asyncio

from textual.app import App
from textual.widgets import Static

from sagewizard.tui.screens.fresh import CHANGING, FreshScreen


def test_a_text_that_changes_again_before_it_is_noticed_has_its_new_height():
    class OneText(App):
        def get_default_screen(self):
            return FreshScreen()

    async def go():
        app = OneText()
        async with app.run_test(size=(40, 10)) as pilot:
            text = Static("", id=CHANGING[0])
            await app.screen.mount(text)
            await pilot.pause()
            text.update("one")
            app.screen._refresh_layout()
            text.update("one\ntwo\nthree")
            await pilot.pause()
            assert text.size.height == 3

    asyncio.run(go())
