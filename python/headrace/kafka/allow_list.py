"""Which settings a cluster may have, decided before any Kafka client exists.

A librdkafka setting can load a library, run a command, or reach other files and hosts, and it does so while
the client is being made. A definition of a cluster may come with a repository that somebody else wrote, so
everything is refused that is not on the list below.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headrace.errors import SecretError, UnsafeSettingError, UsageError
from headrace.kafka.secrets import is_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

Setting = str | int | float | bool

SECRET_SETTINGS = frozenset(
    {"sasl.password", "schema.registry.basic.auth.user.info", "ssl.key.pem", "ssl.key.password"}
)
"""Settings whose value must be a reference, never the secret itself."""

PUBLIC_TEXTS = frozenset({"ssl.ca.pem", "ssl.certificate.pem"})
"""Settings that may be a reference or the (public) text itself."""

REGISTRY_SETTINGS = frozenset({"schema.registry.url", "schema.registry.basic.auth.user.info"})
"""Settings that are for the schema registry, not for librdkafka."""

ALLOWED_SETTINGS = (
    SECRET_SETTINGS
    | PUBLIC_TEXTS
    | REGISTRY_SETTINGS
    | frozenset(
        {
            "bootstrap.servers",
            "broker.address.family",
            "client.dns.lookup",
            "client.rack",
            "compression.type",
            "connections.max.idle.ms",
            "fetch.max.bytes",
            "fetch.message.max.bytes",
            "fetch.wait.max.ms",
            "message.max.bytes",
            "metadata.max.age.ms",
            "receive.message.max.bytes",
            "reconnect.backoff.max.ms",
            "reconnect.backoff.ms",
            "request.timeout.ms",
            "sasl.mechanism",
            "sasl.mechanisms",
            "sasl.username",
            "security.protocol",
            "socket.connection.setup.timeout.ms",
            "socket.keepalive.enable",
            "socket.nagle.disable",
            "socket.timeout.ms",
            "ssl.cipher.suites",
            "ssl.curves.list",
            "ssl.endpoint.identification.algorithm",
            "ssl.sigalgs.list",
            "topic.metadata.refresh.interval.ms",
        }
    )
)

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SERVER = re.compile(r"(?:[A-Z_]+://)?(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)

_REASONS: tuple[tuple[str, str, str], ...] = (
    ("plugin.library.paths", "it loads a library into the process", ""),
    ("ssl.engine*", "it loads a library into the process", ""),
    ("ssl.providers", "it loads a library into the process", ""),
    ("sasl.kerberos.*", "it runs a command or reads files of this machine", "Use SCRAM or client certificates."),
    ("sasl.oauthbearer.*", "it reaches other hosts and files", "Use SCRAM or client certificates."),
    ("ssl.ca.location", "it reads files of this machine", 'Write instead: "ssl.ca.pem" = "file:PATH".'),
    ("ssl.certificate.location", "it reads files of this machine", 'Write: "ssl.certificate.pem" = "file:PATH".'),
    ("ssl.key.location", "it reads files of this machine", 'Write instead: "ssl.key.pem" = "file:PATH".'),
    ("*.location", "it reads files of this machine", 'Write PEM settings instead: "ssl.ca.pem" = "file:PATH".'),
    ("offset.store.*", "it writes files of this machine", ""),
    ("enable.ssl.certificate.*", "anybody could pose as the cluster", 'Name: "ssl.ca.pem" = "file:PATH".'),
    ("*_cb", "a definition of a cluster has no code", ""),
    ("logger", "a definition of a cluster has no code", ""),
    ("group.*", "Headrace chooses it for each stream", ""),
    ("client.id", "Headrace chooses it for each purpose", ""),
    ("transactional.id", "Headrace chooses it for each stream", ""),
)  # fmt: skip


def check_settings(cluster: str, settings: Mapping[str, object]) -> None:
    """Refuse settings that are not known to be harmless, and secrets that are not references.

    Args:
        cluster: the cluster's name, for the message.
        settings: librdkafka's setting names with their values.

    Raises:
        UnsafeSettingError: a setting is not on the list, or has a value that is not.
        SecretError: a secret is written as a value.
        UsageError: ``bootstrap.servers`` is missing or is not a list of addresses.
    """
    for name, value in settings.items():
        if name not in ALLOWED_SETTINGS:
            raise _refusal(cluster, name)
        if not isinstance(value, str | int | float):
            message = f"The setting `{name}` of cluster `{cluster}` is a {type(value).__name__}."
            raise UnsafeSettingError(message, hint="Settings are text, numbers, or true and false.")
        _check_secret(cluster, name, str(value))
    _check_values(cluster, settings)


def _refusal(cluster: str, name: str) -> UnsafeSettingError:
    for pattern, reason, hint in _REASONS:
        if fnmatch.fnmatchcase(name, pattern):
            message = f"The setting `{name}` of cluster `{cluster}` is refused: {reason}."
            return UnsafeSettingError(message, hint=hint)
    message = (
        f"The setting `{name}` of cluster `{cluster}` is refused: it is not one that Headrace knows to be harmless."
    )
    return UnsafeSettingError(message, hint="The allowed settings are listed in the documentation, page Clusters.")


def _check_secret(cluster: str, name: str, value: str) -> None:
    """Refuse a secret as a value; the message does not repeat it."""
    holds_key = name in PUBLIC_TEXTS and "PRIVATE KEY" in value
    if (name in SECRET_SETTINGS and not is_reference(value)) or holds_key:
        message = f"The setting `{name}` of cluster `{cluster}` holds a secret itself."
        raise SecretError(message, hint="Write a reference: env:NAME, file:PATH (mode 0600) or keyring:NAME.")


def check_registry_url(cluster: str, url: str) -> None:
    """Refuse what is not a plain ``http`` or ``https`` URL.

    Raises:
        SecretError: the URL holds a password; the message does not repeat it.
        UsageError: it is not such a URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        message = f"The URL of the schema registry of cluster `{cluster}` holds a user or password itself."
        hint = 'Write: "schema.registry.basic.auth.user.info" = "env:NAME", which holds USER:PASSWORD.'
        raise SecretError(message, hint=hint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        message = f"The schema registry of cluster `{cluster}` is at {url!r}, which is not a URL of one."
        raise UsageError(message, hint="Write http://HOST:PORT or https://HOST, and a path where it has one.")


def _check_values(cluster: str, settings: Mapping[str, object]) -> None:
    if "schema.registry.url" in settings:
        check_registry_url(cluster, str(settings["schema.registry.url"]))
    servers = str(settings.get("bootstrap.servers", ""))
    if not servers or not all(_SERVER.fullmatch(server.strip()) for server in servers.split(",")):
        message = f"The setting `bootstrap.servers` of cluster `{cluster}` is {servers!r}."
        raise UsageError(message, hint="Write HOST:PORT, or several with commas between them.")
    protocol = str(settings.get("security.protocol", "PLAINTEXT")).upper()
    if protocol not in _PROTOCOLS:
        message = f"The setting `security.protocol` of cluster `{cluster}` is {protocol!r}."
        raise UnsafeSettingError(message, hint=f"Choose one of {', '.join(_PROTOCOLS)}.")
    mechanisms = [str(settings[name]) for name in ("sasl.mechanism", "sasl.mechanisms") if name in settings]
    wrong = [mechanism for mechanism in mechanisms if mechanism not in _MECHANISMS]
    if wrong or (protocol.startswith("SASL") and not mechanisms):
        message = f"The setting `sasl.mechanism` of cluster `{cluster}` is {wrong[0] if wrong else 'missing'}."
        raise UnsafeSettingError(message, hint=f"Choose one of {', '.join(_MECHANISMS)}.")
