"""Starts a program that sees a folder as /opt/ml: `python -I -S enter.py FOLDER HOST CWD PROGRAM ...`.

A mount namespace of its own shows FOLDER at /opt/ml to the program and its children, and to nobody else. It
needs no root: where the user may make a user namespace, that is enough. The person's own ~/.aws is covered.
With a HOST, the machine's name is HOST there and FOLDER/.hosts stands at /etc/hosts; HOST may be empty.
Exit code 125 says that the system does not allow it; nothing was started then. Linux only; this file is run
by itself and imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

NOT_POSSIBLE = 125
TARGET = "/opt/ml"
_HOSTS = "/etc/hosts"
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000


class _System:
    """The system calls, with errors as OSError."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def unshare(self, flags: int) -> None:
        self._check(self._libc.unshare(ctypes.c_int(flags)))

    def mount(self, source: str, target: str, kind: str | None, flags: int) -> None:
        names = [os.fsencode(source), os.fsencode(target), kind.encode() if kind else None]
        self._check(self._libc.mount(*names, ctypes.c_ulong(flags), None))

    def name(self, host: str) -> None:
        self._check(self._libc.sethostname(host.encode(), ctypes.c_size_t(len(host.encode()))))

    @staticmethod
    def _check(code: int) -> None:
        if code != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def enter(folder: str, host: str = "") -> None:
    """Make the namespace and show `folder` at /opt/ml in it; OSError when the system does not allow it."""
    system = _System()
    wanted = _CLONE_NEWNS | (_CLONE_NEWUTS if host else 0)
    user, group = os.getuid(), os.getgid()
    own = os.open(f"/proc/{os.getpid()}", os.O_PATH)
    try:
        if user != 0:
            raise PermissionError
        system.unshare(wanted)
    except PermissionError:
        system.unshare(wanted | _CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/fd/{own}/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(text)
    os.close(own)
    # A descriptor from before would belong to the old namespace, from which nothing can be shown in this one.
    source = os.open(folder, os.O_PATH)
    hosts = os.open(f"{folder}/.hosts", os.O_PATH | os.O_NOFOLLOW) if host else None
    system.mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _cover_credentials(system)
    if not os.path.isdir(TARGET):  # noqa: PTH112
        _add_to_parent(system)
    system.mount(f"/proc/self/fd/{source}", TARGET, None, _MS_BIND | _MS_REC)
    os.close(source)
    if hosts is not None:
        system.name(host)
        if os.path.exists(_HOSTS):  # noqa: PTH110
            system.mount(f"/proc/self/fd/{hosts}", _HOSTS, None, _MS_BIND)
        os.close(hosts)


def _add_to_parent(system: _System) -> None:
    """Put a folder of ours in the place of /opt, with all that is in /opt and an empty `ml` beside it."""
    parent, name = os.path.split(TARGET)
    old = os.open(parent, os.O_PATH | os.O_DIRECTORY)
    entries = os.listdir(parent)  # noqa: PTH208
    system.mount("tmpfs", parent, "tmpfs", 0)
    for entry in entries:
        before, after = f"/proc/self/fd/{old}/{entry}", f"{parent}/{entry}"
        if os.path.islink(before):  # noqa: PTH114
            os.symlink(os.readlink(before), after)  # noqa: PTH115, PTH211
            continue
        if os.path.isdir(before):  # noqa: PTH112
            os.mkdir(after)  # noqa: PTH102
        else:
            os.close(os.open(after, os.O_CREAT | os.O_WRONLY))
        system.mount(before, after, None, _MS_BIND | _MS_REC)
    os.mkdir(f"{parent}/{name}")  # noqa: PTH102
    os.close(old)


def _cover_credentials(system: _System) -> None:
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return
    if os.path.isdir(f"{home}/.aws"):  # noqa: PTH112
        system.mount("tmpfs", f"{home}/.aws", "tmpfs", 0)


def main() -> None:
    """Enter, then become the program."""
    folder, host, cwd, *command = sys.argv[1:]
    try:
        enter(folder, host)
        os.chdir(cwd)
    except OSError as error:
        sys.stderr.write(f"{TARGET} cannot be shown: {error}\n")
        sys.exit(NOT_POSSIBLE)
    try:
        os.execvp(command[0], command)  # noqa: S606 - an argument list, no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main()
