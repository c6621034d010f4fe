"""What several hosts of a job need of this machine: addresses of their own, and one folder in the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.sandbox.compute import network
from sagewizard.sandbox.compute.merging import merge

if TYPE_CHECKING:
    import pytest

HOSTS = ["algo-1", "algo-2"]
URL = "http://127.0.0.1:46781"  # 182 * 256 + 189


def test_the_hosts_of_jobs_at_the_same_time_have_different_addresses_and_ports() -> None:
    with network.network(HOSTS, URL) as first, network.network(HOSTS, URL) as second:
        addresses = [*first.addresses.values(), *second.addresses.values()]
        assert first.port != second.port
    assert len(set(addresses)) == 4 or set(addresses) == {"127.0.0.1"}


def test_where_a_system_has_one_loopback_address_all_names_lead_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_is_here", lambda address: address == "127.0.0.1")
    with network.network(HOSTS, URL) as names:
        assert names.addresses == dict.fromkeys(HOSTS, "127.0.0.1")


def test_folders_become_one_and_of_files_with_one_name_the_first_stays(tmp_path: Path) -> None:
    def write(**files: str) -> None:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    write(one__a="1", one__deep__x="1", two__a="2", two__deep__x="2", two__deep__y="2", two__b="2")
    write(three__deep="a file", three__b__c="3", three__d__e__f="3")
    (tmp_path / "three" / "out").symlink_to("/etc")
    (tmp_path / "one" / "linked").symlink_to("/etc")
    write(two__linked__passwd="never there")
    folders = [tmp_path / name for name in ("one", "two", "three", "missing")]
    assert merge(folders) == ["a", "b", "deep", "deep/x", "linked"]
    found = {
        path.relative_to(tmp_path / "one").as_posix(): path.read_text()
        for path in (tmp_path / "one").rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert found == {"a": "1", "deep/x": "1", "deep/y": "2", "b": "2", "d/e/f": "3"}
    assert (tmp_path / "one" / "out").readlink() == Path("/etc")
