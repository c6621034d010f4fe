"""Where a file comes from: the order of places, downloads that fail in every way, a cache that heals."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.data import sources
from sagewizard.data.sources import Address, Progress, SourceFile, fetch
from sagewizard.errors import CancelledError, DataError
from sagewizard.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD = b"data:" + bytes(range(256)) * 2000
DIGEST = hashlib.sha256(GOOD).hexdigest()


def read(path: Path) -> bytes:
    """Contents are good when they start as ours do."""
    content = path.read_bytes()
    if not content.startswith(b"data:"):
        raise DataError("it does not start with data:", file=str(path), offset=0)
    return content


@contextmanager
def server(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server on this machine; yields its URL and the paths asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}", asked
        finally:
            httpd.shutdown()
            thread.join()


def sends(
    body: bytes, *, status: int = 200, declared: int | None = None, more: dict[str, str] | None = None
) -> Any:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if declared != -1:
            handler.send_header("Content-Length", str(len(body) if declared is None else declared))
        for name, value in (more or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def source(*urls: str, digests: frozenset[str] = frozenset({DIGEST}), ceiling: int = 1 << 20) -> SourceFile:
    return SourceFile(
        folder="sample",
        name="sample.bin",
        digests=digests,
        addresses=tuple(Address(f"place {n}", url) for n, url in enumerate(urls, 1)),
        ceiling=ceiling,
        contents="checked by its first bytes",
        instead="Use the bundled sample.",
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return Settings(home=tmp_path / "home", data=None)


@pytest.fixture
def closed() -> str:
    """A URL of this machine at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/x"


def cache(settings: Settings) -> list[str]:
    folder = settings.cache / "sample"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_download_is_kept_under_its_digest_and_used_again(home: Settings) -> None:
    steps: list[Progress] = []
    with server(sends(GOOD)) as (url, asked):
        first = fetch(source(url), read, settings=home, on_progress=steps.append)
        second = fetch(source(url), read, settings=home)
    assert len(asked) == 1
    assert first.value == second.value == GOOD
    assert first.source.startswith("place 1, http://127.0.0.1")
    assert second.source.startswith("the local cache")
    assert first.verified == second.verified == "its SHA-256 is the known one"
    assert cache(home) == [f"{DIGEST}.sample.bin"]
    assert steps[0] == Progress("place 1", 0, len(GOOD))
    assert steps[-1] == Progress("place 1", len(GOOD), len(GOOD))
    assert [s.done for s in steps] == sorted({s.done for s in steps})


def test_a_file_whose_digest_is_not_known_is_checked_by_its_contents_and_says_so(home: Settings) -> None:
    with server(sends(b"data: another edition", declared=-1)) as (url, _):
        found = fetch(source(url), read, settings=home)
        again = fetch(source(url), read, settings=home)
    assert found.verified == again.verified == "checked by its first bytes; its SHA-256 is not one we know"


def test_the_data_folder_comes_before_the_net_and_after_the_cache(home: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "sample").mkdir(parents=True)
    (folder / "sample" / "sample.bin").write_bytes(GOOD)
    settings = Settings(home=home.home, data=folder)
    with server(sends(b"data: from the net")) as (url, asked):
        assert "SAGEWIZARD_DATA" in fetch(source(url), read, settings=settings).source
        assert asked == []
        fetch(source(url), read, settings=home)
        assert "cache" in fetch(source(url), read, settings=settings).source


def test_a_wrong_file_in_the_data_folder_is_an_error_and_not_passed_over(
    home: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "sample" / "sample.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"<html>")
    with server(sends(GOOD)) as (url, asked), pytest.raises(DataError, match="does not start") as caught:
        fetch(source(url), read, settings=Settings(home=home.home, data=tmp_path / "data"))
    assert caught.value.file == str(path)
    assert asked == []
    assert path.exists()


def test_places_that_do_not_answer_are_passed_over(home: Settings, closed: str) -> None:
    with server(sends(b"", status=404)) as (missing, _), server(sends(GOOD)) as (url, _):
        found = fetch(source(closed, missing, url), read, settings=home)
    assert found.source.startswith("place 3")


def test_when_nothing_is_reachable_every_place_is_named_with_its_reason(
    home: Settings, closed: str, tmp_path: Path
) -> None:
    settings = Settings(home=home.home, data=tmp_path)
    with (
        server(sends(b"", status=403)) as (forbidden, _),
        server(sends(GOOD[:1000], declared=len(GOOD))) as (short, _),
        pytest.raises(DataError) as caught,
    ):
        fetch(source(closed, forbidden, short, "ftp://127.0.0.1/x"), read, settings=settings)
    text = str(caught.value)
    assert f"nothing in {home.cache / 'sample'}" in text
    assert f"there is no {tmp_path / 'sample' / 'sample.bin'}" in text
    assert f"place 1, {closed}: Connection refused" in text
    assert f"place 2, {forbidden}: HTTP 403 Forbidden" in text
    assert f"place 3, {short}: it broke off after" in text
    assert "place 4, ftp://127.0.0.1/x: ftp is not a way to download" in text
    assert caught.value.remedy == "Use the bundled sample."
    assert cache(home) == []


def test_another_page_at_the_address_is_an_error_that_names_it(home: Settings) -> None:
    with server(sends(b"<html>Please log in")) as (url, _), pytest.raises(DataError) as caught:
        fetch(source(url), read, settings=home)
    assert caught.value.file == url
    assert "what was downloaded is not sample.bin: it does not start with data:" in str(caught.value)
    assert cache(home) == []


@pytest.mark.parametrize("declared", [None, -1])
def test_a_download_over_the_ceiling_is_refused(home: Settings, declared: int | None) -> None:
    with (
        server(sends(GOOD, declared=declared)) as (url, _),
        pytest.raises(DataError, match="over the ceiling"),
    ):
        fetch(source(url, ceiling=100_000), read, settings=home)
    assert cache(home) == []


def test_a_cancelled_download_leaves_nothing(home: Settings) -> None:
    cancel = threading.Event()
    with server(sends(GOOD)) as (url, _), pytest.raises(CancelledError):
        fetch(source(url), read, settings=home, on_progress=lambda _: cancel.set(), cancel=cancel)
    assert cache(home) == []


def test_a_callback_that_fails_leaves_nothing(home: Settings) -> None:
    def fail(_: Progress) -> None:
        raise KeyboardInterrupt

    with server(sends(GOOD)) as (url, _), pytest.raises(KeyboardInterrupt):
        fetch(source(url), read, settings=home, on_progress=fail)
    assert cache(home) == []


def test_a_damaged_entry_of_the_cache_is_replaced(home: Settings) -> None:
    with server(sends(GOOD)) as (url, asked):
        path = fetch(source(url), read, settings=home).path
        path.write_bytes(GOOD[:-1])
        stale = path.with_name("0" * 64 + ".sample.bin")
        stale.write_bytes(b"data: old")
        assert fetch(source(url), read, settings=home).value == GOOD
    assert len(asked) == 2
    assert cache(home) == [path.name]


def test_a_damaged_entry_stays_and_is_named_while_nothing_replaces_it(home: Settings, closed: str) -> None:
    with server(sends(GOOD)) as (url, _):
        path = fetch(source(url), read, settings=home).path
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is damaged"):
        fetch(source(closed), read, settings=home)
    assert path.exists()


def test_a_server_that_says_nothing_is_given_up(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_SILENCE", 0.2)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        with pytest.raises(DataError, match="no answer in 0 s"):
            fetch(source(url), read, settings=home)


def test_a_download_that_takes_for_ever_is_given_up(home: Settings) -> None:
    class Fast:
        time = 0.0

        def now(self) -> float:
            return self.time

        def monotonic(self) -> float:
            self.time += 1000
            return self.time

        def wait(self, cancel: threading.Event, seconds: float) -> bool:
            return cancel.is_set()

    with server(sends(GOOD)) as (url, _), pytest.raises(DataError, match="too slow"):
        fetch(source(url), read, settings=home, clock=Fast())
    assert cache(home) == []


def test_a_redirect_is_followed_but_not_to_another_kind_of_address(home: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(GOOD)

    def redirects(to: str) -> Any:
        return server(sends(b"", status=302, more={"Location": to}))

    with server(sends(GOOD)) as (there, _), redirects(there) as (url, _):
        assert fetch(source(url), read, settings=home).value == GOOD
    other = Settings(home=tmp_path / "other", data=None)
    with redirects(secret.as_uri()) as (url, _), pytest.raises(DataError, match="could not be had"):
        fetch(source(url), read, settings=other)


def test_https_is_never_left_for_http() -> None:
    import urllib.error
    import urllib.request

    request = urllib.request.Request("https://127.0.0.1/x")
    handler = sources._Redirects()
    with pytest.raises(urllib.error.URLError, match="not https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://127.0.0.1/x")  # type: ignore[arg-type]


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path: Path, closed: str) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(DataError, match="cannot be made") as caught:
        fetch(source(closed), read, settings=Settings(home=tmp_path / "home", data=None))
    assert "SAGEWIZARD_HOME" in caught.value.remedy
