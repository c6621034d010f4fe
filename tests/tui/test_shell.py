"""What Home and the frame do by keys and mouse: search, first start, copy, reminders, small terminals."""

from __future__ import annotations

import asyncio
import base64
import os

import pytest
from textual.widgets import Input, OptionList

from sagewizard.engine.ledger import Ledger
from sagewizard.tui.app import SageWizardApp
from sagewizard.tui.screens.home import HomeScreen
from sagewizard.tui.screens.run import RunScreen

RUN = "20261121-025731-ddb9"


def drive(settings, wait_until, body, *, clock=None, size=(80, 24), idle=False):
    """Open the app on a loaded Home and do something there."""

    async def go():
        app = SageWizardApp(settings, clock=clock)
        if not idle:
            app.look_for_idle = lambda: None
        async with app.run_test(size=size, notifications=True) as pilot:
            await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen) and app.screen._loaded)
            await body(app, pilot)

    asyncio.run(go())


def listed(app):
    options = app.screen.query_one("#recipes", OptionList)
    return [options.get_option_at_index(at).id for at in range(options.option_count)]


def test_home_searches_as_it_is_typed_in_title_level_data_and_algorithm(settings, wait_until, shown):
    async def body(app, pilot):
        every = listed(app)
        await pilot.press("slash", *"kmeans")
        few = listed(app)
        assert 0 < len(few) < len(every)
        assert all("kmeans" in name for name in few)
        await pilot.press("space", *"iris")
        assert listed(app) == ["iris-kmeans"]
        await pilot.press(*"xyz")
        assert listed(app) == []
        assert "No recipe fits 'kmeans irisxyz'. Esc empties the search." in " ".join(shown(app).split())
        await pilot.press("escape")
        assert listed(app) == every
        assert app.screen.query_one("#search", Input).value == ""
        assert app.focused is app.screen.query_one("#recipes")
        await pilot.press("slash", *"digits linear", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.control.recipe.name == "digits-linear-learner"
        # The keys that walk the steps fall into no field on their way: what comes next would be typed there.
        for place in ("preview", "prepare", "algorithm", "train"):
            await wait_until(pilot, lambda: app.screen.pane is not None)
            await pilot.press("full_stop")
            await wait_until(pilot, lambda place=place: app.screen.place == place)
        assert app.control.changes() == {}
        await pilot.press("f2")
        await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen))
        assert app.screen.query_one("#search", Input).value == ""
        assert listed(app) == every

    drive(settings, wait_until, body)


def test_a_first_start_says_three_sentences_and_one_key_and_a_later_one_does_not(
    settings, recorded, wait_until, shown, tmp_path
):
    from sagewizard.settings import Settings

    async def first(app, pilot):
        welcome = app.screen.query_one("#welcome")
        assert welcome.display
        lines = str(welcome.render()).splitlines()
        assert [line.split()[0] for line in lines] == ["Welcome.", "Everything", "Press"]
        text = " ".join(shown(app).split())
        assert "no account, no bill, nothing to break" in text
        assert "Press w to watch a recorded run, or Enter for a first one" in text
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen))

    async def later(app, pilot):
        assert not app.screen.query_one("#welcome").display
        assert "Welcome." not in shown(app)

    drive(Settings(home=tmp_path / "new", data=None), wait_until, first)
    drive(recorded, wait_until, later)


def test_copying_goes_to_the_terminal_and_into_a_file_whose_path_is_shown(
    recorded, wait_until, shown, monkeypatch
):
    async def body(app, pilot):
        written = []
        real = app._driver.write
        monkeypatch.setattr(app._driver, "write", lambda data: (written.append(data), real(data))[1])
        await pilot.press("f6")
        await wait_until(pilot, lambda: "Copied the screen" in shown(app))
        (kept,) = recorded.home.rglob("screen.txt")
        text = kept.read_text(encoding="utf-8")
        assert "Recent runs" in text
        note = next(iter(app._notifications)).message
        assert note == f"Copied the screen. It is also in {kept}."
        (sequence,) = [data for data in written if data.startswith("\x1b]52;c;")]
        sent = base64.b64decode(sequence.removeprefix("\x1b]52;c;").rstrip("\a")).decode()
        assert sent.rstrip("\n") == text.rstrip("\n")

    drive(recorded, wait_until, body)


def endpoint(settings, run_id, since):
    ledger = Ledger(settings.ledger)
    entry = ledger.intend(
        run_id=run_id, target="sandbox", account="123456789012", region="us-east-1", kind="endpoint",
        name=f"sw-{run_id}-endpoint", now=since, hourly_usd=0.115,
    )  # fmt: skip
    ledger.created(entry.id, arn="arn:x", now=since)


def notes(app):
    return [(note.title, note.message) for note in app._notifications]


def test_the_start_reminds_of_every_endpoint_and_again_of_those_that_idle_ten_minutes(
    settings, frozen, wait_until
):
    now = frozen.now()
    endpoint(settings, "20261121-010000-aaaa", now - 60)
    endpoint(settings, "20261121-020000-bbbb", now - 30)

    async def body(app, pilot):
        await wait_until(pilot, lambda: bool(notes(app)))
        ((_title, text),) = notes(app)
        assert text == "2 endpoints alive, would cost $0.230/h · F3 shows them"
        app.clear_notifications()

        async def looked():
            app.look_for_idle()
            await wait_until(pilot, lambda: app.control._queue.empty() and not at_work())
            app.tick()
            return notes(app)

        frozen.moment += 300
        assert await looked() == []
        frozen.moment += 241  # ten minutes since the first was used, 9.5 since the second
        ((_title, text),) = await looked()
        assert text == "1 endpoint idle 10 min, would cost $0.115/h · F3 shows it"
        app.clear_notifications()
        assert await looked() == []
        frozen.moment += 60
        ((_title, text),) = await looked()
        assert text.startswith("1 endpoint idle 10 min")

    drive(settings, wait_until, body, clock=frozen, idle=True)


def at_work():
    import threading

    return any(thread.name == "sagewizard-call" for thread in threading.enumerate())


@pytest.mark.parametrize("size", [(59, 24), (80, 19), (20, 5)])
def test_below_sixty_by_twenty_it_says_what_it_needs_and_comes_back(recorded, wait_until, shown, size):
    async def body(app, pilot):
        for opened in (None, "f3", "f4", "f1"):  # the last one is a dialog
            if opened:
                await pilot.press(opened)
                await pilot.pause()
            await pilot.resize_terminal(*size)
            await wait_until(pilot, lambda: "at least" in shown(app))
            text = " ".join(shown(app).split())
            assert "60 x 20" in text
            assert "Recent runs" not in text
            assert "Keys that work here" not in text
            await pilot.press("pagedown", "down", "pageup", "tab", "pagedown")
            await pilot.resize_terminal(80, 24)
            await wait_until(pilot, lambda: "at least" not in shown(app))

    drive(recorded, wait_until, body)


def test_the_mouse_opens_a_run_walks_the_rail_and_uses_the_footer(recorded, wait_until, shown):
    async def body(app, pilot):
        await pilot.click("#runs", offset=(5, 0))
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
        assert app.control.model.run_id == RUN
        await pilot.click("#rail", offset=(5, 1))
        await wait_until(pilot, lambda: app.screen.place == "preview")
        await pilot.click("#rail", offset=(5, 8))
        await wait_until(pilot, lambda: app.screen.place == "evaluate")
        lines = shown(app).splitlines()
        column = lines[-1].index("explain")
        await pilot.click(offset=(column, len(lines) - 1))
        await wait_until(pilot, lambda: bool(app.screen.query("#lesson")))
        await pilot.press("escape", "f2")
        await wait_until(pilot, lambda: isinstance(app.screen, HomeScreen))
        second = listed(app)[1]
        await pilot.click("#recipes", offset=(5, 5))
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.control.recipe.name == second

    drive(recorded, wait_until, body)


def test_the_mouse_wheel_scrolls_the_log_and_lets_go_of_its_end(recorded, wait_until):
    async def body(app, pilot):
        from textual.events import MouseScrollUp

        await pilot.press("r", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane is not None)
        view = app.screen.query_one("#log").view
        await wait_until(pilot, lambda: view.count > 50 and view.scroll_y > 0)
        end = view.scroll_y
        await pilot._post_mouse_events([MouseScrollUp], view, (5, 1))
        await wait_until(pilot, lambda: view.scroll_y < end)
        assert not view.following

    drive(recorded, wait_until, body)


def test_nothing_of_the_home_is_written_by_looking_at_it(settings, wait_until):
    async def body(app, pilot):
        await pilot.press("down", "down", "slash", "escape")

    drive(settings, wait_until, body)
    found = {os.path.relpath(path, settings.home) for path in settings.home.rglob("*") if path.is_file()}
    assert not [path for path in found if not path.startswith("cache")]
