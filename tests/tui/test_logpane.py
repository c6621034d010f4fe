"""The log pane keeps 10,000 lines, draws only what is on the screen, finds, follows and wraps."""

from __future__ import annotations

import asyncio

from textual.app import App

from sagewizard.tui.bindings import bindings_for
from sagewizard.tui.views import LogBuffer, LogLine
from sagewizard.tui.widgets.logpane import LogPane, level_of


class Host(App):
    BINDINGS = bindings_for("app")

    def compose(self):
        yield LogPane(id="log")


def lines(count, start=0, text="line {} of the job"):
    return [LogLine("job", text.format(number), number) for number in range(start, start + count)]


def drive(body, size=(80, 12)):
    async def go():
        app = Host()
        async with app.run_test(size=size) as pilot:
            await body(app.query_one(LogPane), pilot)

    asyncio.run(go())


def row(pane, y):
    return pane.view.render_line(y).text.rstrip()


def test_twenty_thousand_lines_leave_the_last_ten_thousand_and_the_newest_on_screen():
    async def body(pane, pilot):
        for start in range(0, 20_000, 200):
            pane.extend(lines(200, start))
        await pilot.pause()
        assert pane.view.count == 10_000
        height = pane.view.scrollable_content_region.height
        assert row(pane, height - 1).endswith("line 19999 of the job")
        assert pane.view.text.startswith("line 10000 ")

    drive(body)


def test_it_lets_go_when_scrolled_and_follows_again_at_the_end():
    async def body(pane, pilot):
        pane.extend(lines(500))
        await pilot.pause()
        pane.view.focus()
        await pilot.press("pageup")
        await pilot.pause()
        assert not pane.view.following
        before = row(pane, 0)
        pane.extend(lines(100, 500))
        await pilot.pause()
        assert row(pane, 0) == before
        await pilot.press("f")
        await pilot.pause()
        assert pane.view.following
        height = pane.view.scrollable_content_region.height
        assert row(pane, height - 1).endswith("line 599 of the job")

    drive(body)


def test_lines_that_still_scroll_while_the_pane_is_taken_apart_need_no_head():
    async def body(pane, pilot):
        pane.extend(lines(500))
        await pilot.pause()
        await pane.query_one("#log-head").remove()
        pane.view.scroll_to(y=3, animate=False, immediate=True)
        await pilot.pause()
        assert not pane.view.following

    drive(body)


def test_what_is_looked_at_stays_when_old_lines_go():
    async def body(pane, pilot):
        pane.extend(lines(10_000))
        await pilot.pause()
        pane.view.scroll_to(y=5_000, animate=False, immediate=True)
        pane.view.following = False
        await pilot.pause()
        before = row(pane, 0)
        pane.extend(lines(1_000, 10_000))
        await pilot.pause()
        assert row(pane, 0) == before

    drive(body)


def test_find_goes_to_hits_and_counts_them():
    async def body(pane, pilot):
        pane.extend(lines(300))
        pane.view.focus()
        await pilot.press("slash", *"line 7")
        await pilot.pause()
        assert pane.view.needle == "line 7"
        assert "11 of 11 hits" in str(pane.query_one("#log-head").render())
        await pilot.press("enter")
        await pilot.pause()
        assert "10 of 11 hits" in str(pane.query_one("#log-head").render())
        await pilot.press("escape")
        await pilot.pause()
        assert pane.view.needle == ""
        assert not pane.query_one("#log-find").display

    drive(body)


def test_wrapping_shows_every_character_of_a_long_line():
    async def body(pane, pilot):
        text = "".join(chr(ord("a") + n % 26) for n in range(300))
        pane.extend([LogLine("job", text, 0)])
        pane.view.focus()
        await pilot.press("w")
        await pilot.pause()
        rows = [row(pane, y) for y in range(pane.view.virtual_size.height)]
        assert "".join(one.strip() for one in rows) == text

    drive(body, size=(60, 14))


def test_hostile_lines_draw_no_escapes():
    async def body(pane, pilot):
        pane.extend([LogLine("job", "a\x1b[31mred\x07\u202eflip\ttab", 0)])
        await pilot.pause()
        text = row(pane, 0)
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
        assert "red" in text and "tab" in text

    drive(body)


def test_levels_are_words():
    assert level_of("[11/21/2026 02:49:40 INFO 139668188384128] x") == "info"
    assert level_of("[.. WARNING 1] x") == "warn"
    assert level_of("Traceback (most recent call last):") == "error"
    assert level_of('#metrics {"StartTime": 1}') == "metric"
    assert level_of("Docker entrypoint called") == ""


def test_the_buffer_gives_what_is_new_as_far_as_it_is_kept():
    buffer = LogBuffer(keep=10)
    buffer.extend(lines(6))
    assert [line.text for line in buffer.since(4)] == ["line 4 of the job", "line 5 of the job"]
    buffer.extend(lines(20, 6))
    assert buffer.total == 26
    assert len(buffer.since(6)) == 10
    assert buffer.since(26) == []
