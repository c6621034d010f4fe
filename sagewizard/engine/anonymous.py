"""Takes out of a run who ran it, where and with what rights, so that its record can be handed on.

Masked are secrets (by `sagewizard.mask`, and AWS secret keys standing alone), account numbers, names of roles
and users in ARNs and wherever else they stand, the folders of this machine's user, home and data, the user's
and the machine's name. The accounts that publish SageMaker's own images stay: they are in every tutorial.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.mask import MASK, mask, mask_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagewizard.settings import Settings

ACCOUNT = "000000000000"
NAME = "masked"
"""Stands for names. Not asterisks: at the beginning of a value these mean something else in YAML."""

_ACCOUNT = re.compile(r"(?<![\d.])\d{12}(?!\d)(?P<registry>\.dkr\.ecr\b)?")
_PRINCIPAL = re.compile(
    r"(?P<head>arn:aws[a-z-]*:(?:iam|sts)::\w*:)(?P<kind>role|user|group|assumed-role|instance-profile)"
    r"/(?P<path>[\w+=,.@/-]+)"
)
_SECRET_KEY = re.compile(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])")
_USER_FOLDER = re.compile(r"(?P<head>(?<![\w.])/(?:home|Users)/)(?P<name>[^/\s\"':,;]+)")
_NAME_FIELDS = frozenset(("RoleName", "UserName", "role_name", "user_name"))
# Names that tell nobody apart, and words that a record needs for itself.
_NOBODY = frozenset(
    ("root", "user", "admin", "ubuntu", "runner", "localhost", "vm", "sandbox", "aws", "sagemaker", "dataset",
     "preview", "prepare", "train", "tune", "deploy", "predict", "transform", "evaluate", "teardown", "test",
     "validation", "role", "endpoint", "model", "masked", "digits", "mnist", "iris")
)  # fmt: skip
_SHORTEST = 3


class Veil:
    """Masks texts and values; made for one run, so that a name is masked in the same way everywhere."""

    def __init__(
        self,
        *,
        folders: Mapping[str, str] | None = None,
        names: Iterable[str] = (),
        secrets: Iterable[str] = (),
        published: Iterable[str] = (),
    ) -> None:
        # The longest first: a data folder in the user's home is the data folder.
        self._folders = sorted((folders or {}).items(), key=lambda pair: -len(pair[0]))
        self._secrets = tuple(sorted(secrets, key=len, reverse=True))
        self._published = frozenset(published)
        self._names: re.Pattern[str] | None = None
        self._known: set[str] = set()
        self.know(names)

    def know(self, names: Iterable[str]) -> None:
        """Mask these names, too, wherever they stand as a word of their own."""
        self._known |= {n for n in names if len(n) >= _SHORTEST and n.lower() not in _NOBODY}
        if self._known:
            words = "|".join(re.escape(name) for name in sorted(self._known, key=lambda n: (-len(n), n)))
            self._names = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", re.IGNORECASE)

    def learn(self, text: str) -> None:
        """Look for the names of roles and users in ARNs, to mask them where they stand alone as well."""
        found: list[str] = []
        for match in _PRINCIPAL.finditer(text):
            parts = match["path"].split("/")
            # The path before a name is often AWS's own word; the name of a session is often a person's.
            found += parts if match["kind"] == "assumed-role" else parts[-1:]
        self.know(found)

    def text(self, text: str) -> str:
        """Return a text without any of it."""
        text = mask_text(text, self._secrets)
        for folder, word in self._folders:
            text = text.replace(folder, word)
        text = _PRINCIPAL.sub(lambda m: f"{m['head']}{m['kind']}/{NAME}", text)
        text = _USER_FOLDER.sub(rf"\g<head>{NAME}", text)
        text = _ACCOUNT.sub(self._account, text)
        text = _SECRET_KEY.sub(_secret_key, text)
        return self._names.sub(NAME, text) if self._names is not None else text

    def recipe(self, text: str) -> str:
        """Return the text of a recipe without any of it, in a form that is still YAML."""
        return self.text(text).replace(MASK, NAME)

    def value(self, value: Any) -> Any:
        """Return a JSON-ready copy of a value without any of it, fields with secret names included."""
        return self._walk(mask(value, self._secrets, cut=False))

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(str(key)): NAME
                if key in _NAME_FIELDS and isinstance(item, str)
                else self._walk(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        return value

    def _account(self, match: re.Match[str]) -> str:
        number = match[0][:12]
        if match["registry"] and number in self._published:
            return match[0]
        return ACCOUNT + match[0][12:]


def _secret_key(match: re.Match[str]) -> str:
    text = match[0]
    mixed = re.search("[a-z]", text) and re.search("[A-Z]", text) and re.search("[0-9]", text)
    return MASK if mixed else text


def veil_for(settings: Settings, environ: Mapping[str, str] | None = None) -> Veil:
    """Return a veil that knows this machine: its folders, user and name, the secrets in its environment."""
    env = os.environ if environ is None else environ
    folders: dict[str, str] = {}
    home = Path.home()
    program = Path(__file__).resolve().parents[2]
    for folder, word in (
        (program, "<program>"),
        (home, "~"),
        (settings.home, "<sagewizard>"),
        (settings.data, "<data>"),
    ):
        if folder is not None and len(str(folder)) > 1:
            folders[str(folder)] = word
            with contextlib.suppress(OSError):
                folders[str(folder.resolve())] = word
    names = {env.get("USER", ""), env.get("LOGNAME", ""), env.get("AWS_PROFILE", ""), home.name}
    with contextlib.suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    with contextlib.suppress(OSError):
        names |= {socket.gethostname(), socket.gethostname().partition(".")[0]}
    names.discard("default")
    secrets = {
        env.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    }
    return Veil(folders=folders, names=names, secrets=secrets - {""}, published=_published())


def _published() -> set[str]:
    """Return the accounts whose images anybody may use."""
    from sagewizard import algorithms

    return {
        account
        for name in algorithms.names()
        for image in algorithms.get(name).images
        for account in image.accounts.values()
    }
