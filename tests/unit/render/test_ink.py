"""What a stream can show."""

import io

import pytest

from sagewizard.render import Ink, ink_for


class Terminal(io.StringIO):
    def __init__(self, encoding="utf-8", tty=True):
        super().__init__()
        self._encoding, self._tty = encoding, tty

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self._tty


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
    ],
)
def test_colours_follow_the_environment(environ, colours):
    assert ink_for(Terminal(), environ, width=80).color == colours


def test_what_is_no_terminal_gets_no_colour_unless_asked():
    pipe, environ = Terminal(tty=False), {"TERM": "xterm-256color"}
    assert ink_for(pipe, environ) == Ink("none", True, 80)
    assert ink_for(pipe, environ, color="always").color == "256"
    assert ink_for(Terminal(), environ, color="never", width=80).color == "none"


@pytest.mark.parametrize(
    ("encoding", "unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False), ("nonsense", False)]
)
def test_an_encoding_that_lacks_the_characters_gets_ascii(encoding, unicode):
    assert ink_for(Terminal(encoding), {}).unicode is unicode


def test_columns_wins_over_the_terminals_own_width():
    assert ink_for(Terminal(), {"COLUMNS": "61"}).width == 61
    assert ink_for(Terminal(), {"COLUMNS": "0"}).width == 1


def test_a_closed_stream_gets_plain_text():
    stream = io.StringIO()
    stream.close()
    assert ink_for(stream, {"TERM": "xterm"}).color == "none"
