"""Secrets as references: ``env:NAME``, ``file:PATH`` (mode 0600) and ``keyring:NAME``."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from headrace.errors import SecretError

KEYRING_SERVICE = "headrace"

_PREFIXES = ("env:", "file:", "keyring:")


def is_reference(value: str) -> bool:
    """Whether ``value`` says where a secret is, rather than what it is."""
    return any(value.startswith(prefix) and len(value) > len(prefix) for prefix in _PREFIXES)


def read_reference(reference: str, *, secret: bool = True) -> str:
    """Return what a reference leads to.

    Args:
        reference: ``env:NAME`` (an environment variable), ``file:PATH`` (a file's text without the line's end;
            ``~`` is the home folder) or ``keyring:NAME`` (the password of NAME under the service ``headrace`` in
            the system's keyring).
        secret: whether a file must be its owner's alone (mode 0600 or less).

    Raises:
        SecretError: it leads nowhere, or to a file that others may read. No message repeats a secret.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        return _from_environment(place)
    if kind == "file":
        return _from_file(Path(place).expanduser(), secret=secret)
    if kind == "keyring":
        return _from_keyring(place)
    message = "A secret is written as a value."
    raise SecretError(message, hint="Write a reference: env:NAME, file:PATH (mode 0600) or keyring:NAME.")


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value:
        return value
    message = f"The secret env:{name} cannot be read: the environment variable {name} is not set."
    raise SecretError(message, hint="Set it where Headrace is started.")


def _from_file(path: Path, *, secret: bool) -> str:
    reference = f"file:{path}"
    if not path.is_absolute():
        message = f"The reference {reference} is not an absolute path."
        raise SecretError(message, hint="Write file:/... or file:~/...")
    try:
        with path.open("rb") as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                message = f"The reference {reference} does not lead to a plain file."
                raise SecretError(message)
            if secret and state.st_mode & 0o077:
                message = f"The secret {reference} may be read by others (mode {stat.S_IMODE(state.st_mode):04o})."
                raise SecretError(message, hint=f"Run: chmod 600 {path}")
            text = stream.read().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        message = f"The reference {reference} cannot be read: {reason}."
        raise SecretError(message) from error
    return text.rstrip("\r\n")


def _from_keyring(name: str) -> str:
    try:
        import keyring  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415  optional
    except ImportError as error:
        message = f"The secret keyring:{name} needs the package keyring, which is not installed."
        raise SecretError(message, hint="Run: pip install keyring") from error
    try:
        value = keyring.get_password(KEYRING_SERVICE, name)
    except Exception as error:
        message = f"The secret keyring:{name} cannot be read: the keyring said {type(error).__name__}."
        raise SecretError(message, hint="Is there a keyring on this machine, and is it unlocked?") from error
    if not value:
        message = f"The secret keyring:{name} is not in the keyring."
        raise SecretError(message, hint=f"Run: keyring set {KEYRING_SERVICE} {name}")
    return str(value)
