"""The client of a schema registry: the five calls of Confluent's REST protocol that Headrace needs.

Schemas never change under their id, so each is fetched once. The protocol is described in the reference of Confluent's
Schema Registry; Apicurio, Karapace and Redpanda speak it too.
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NoReturn, get_args
from urllib.parse import quote

from headrace.errors import ClusterError, DecodeError, RefusedError
from headrace.kafka.registry.schema import Registered, Schema, SchemaKind

_TIMEOUT = 10.0
_DEEPEST_REFERENCE = 20
_MOST_BYTES = 20_000_000
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND, _CONFLICT, _UNPROCESSABLE = 404, 409, 422
_DENIED = (401, 403)


class UnknownSchemaError(DecodeError):
    """A record names a schema that the registry does not have."""


class IncompatibleSchemaError(RefusedError):
    """The registry refuses a new version of a subject's schema, by the subject's compatibility rule."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirection: it would take the password along to wherever it leads."""

    def redirect_request(self, *_: object) -> None:
        """Return nothing to follow."""


class Registry:
    """A schema registry; safe to be used by several threads.

    Args:
        url: where its protocol begins, ``http://HOST:PORT`` and a path where it has one.
        user_info: ``USER:PASSWORD``, or ``None``.
    """

    def __init__(self, url: str, *, user_info: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._headers = {"Accept": f"{_MEDIA_TYPE}, application/json", "Content-Type": _MEDIA_TYPE}
        if user_info:
            self._headers["Authorization"] = f"Basic {base64.b64encode(user_info.encode()).decode()}"
        self._known: dict[int, Schema] = {}

    def __repr__(self) -> str:
        return f"Registry({self.url!r})"

    def schema(self, number: int) -> Schema:
        """Return the schema with an id, fetched the first time it is asked for.

        Raises:
            UnknownSchemaError: the registry has none.
            ClusterError: the registry cannot be reached, or refuses; trying again may help.
        """
        if number not in self._known:
            answer = self._call("GET", f"/schemas/ids/{number}")
            if answer is None:
                raise UnknownSchemaError(
                    f"The registry at {self.url} has no schema {number}.",
                    hint="Is it the registry that the producer writes to?",
                )
            self._known[number] = self._read(answer)
        return self._known[number]

    def latest(self, subject: str) -> Registered | None:
        """Return the newest version of a subject, ``None`` when there is none.

        Raises:
            ClusterError: the registry cannot be reached, or refuses.
        """
        answer = self._call("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        return None if answer is None else self._registered(answer)

    def versions(self, subject: str, *, most: int = 20) -> list[Registered]:
        """Return the newest versions of a subject, the oldest of them first; none when there is no such subject.

        Raises:
            ClusterError: the registry cannot be reached, or refuses.
        """
        path = f"/subjects/{quote(subject, safe='')}/versions"
        numbers = sorted(self._call("GET", path) or [])[-most:]
        answers = (self._call("GET", f"{path}/{number}") for number in numbers)
        return [self._registered(answer) for answer in answers if answer is not None]

    def register(self, subject: str, schema: Schema) -> int:
        """Make a schema a subject's newest version unless it is one already, and return its id.

        Raises:
            IncompatibleSchemaError: the subject's compatibility rule does not allow it, or it is not valid.
            ClusterError: the registry cannot be reached, or refuses.
        """
        body = {"schema": schema.text, "schemaType": schema.kind}
        answer = self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        if answer is None:
            self._fail(f"does not know the subject `{subject}`")
        number = int(answer["id"])
        self._known[number] = schema
        return number

    def _registered(self, answer: Mapping[str, Any]) -> Registered:
        number = int(answer["id"])
        self._known.setdefault(number, self._read(answer))
        return Registered(number, int(answer["version"]), self._known[number])

    def _read(self, answer: Mapping[str, Any], depth: int = 0) -> Schema:
        kind: SchemaKind = answer.get("schemaType") or "AVRO"
        if kind not in get_args(SchemaKind):
            raise DecodeError(f"The schema is of the kind {kind!r}.", hint="Headrace reads AVRO, PROTOBUF and JSON.")
        if depth > _DEEPEST_REFERENCE:
            raise DecodeError(f"The schema's references are more than {_DEEPEST_REFERENCE} deep.")
        references: dict[str, Schema] = {}
        for named in answer.get("references") or []:
            path = f"/subjects/{quote(named['subject'], safe='')}/versions/{int(named['version'])}"
            found = self._call("GET", path)
            if found is None:
                raise DecodeError(f"The schema names `{named['name']}`, which the registry at {self.url} lacks.")
            schema = self._read(found, depth + 1)
            references |= dict(schema.references)
            references[named["name"]] = schema
        return Schema(kind, str(answer["schema"]), tuple(references.items()))

    def _call(self, method: str, path: str, body: object = None) -> Any | None:  # noqa: ANN401  any JSON
        """Return the answer's JSON, ``None`` for 404."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  the scheme was checked, see configuration
            self.url + path, data=data, headers=self._headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                return json.loads(answer.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                self._refused(path, error.code, _message_of(error.read(_MOST_BYTES)))
                return None
        except (OSError, http.client.HTTPException) as error:
            self._fail(f"does not answer: {getattr(error, 'reason', None) or repr(error)}", error)
        except ValueError as error:
            self._fail("answers with something that is not JSON", error)

    def _refused(self, path: str, code: int, message: str) -> None:
        """Return for 404; raise for any other status."""
        if code == _NOT_FOUND:
            return
        if code in {_CONFLICT, _UNPROCESSABLE} and path.startswith("/subjects/"):
            subject = path.split("/")[2]
            raise IncompatibleSchemaError(
                f"The registry at {self.url} refuses a new version of the schema of `{subject}` ({code}): {message}.",
                hint="Keep the types of the output's columns, write to another topic, or change the subject's rule.",
            )
        if code in _DENIED:
            self._fail(f"denies access ({code}): {message}")
        self._fail(f"answers {code}: {message}")

    def _fail(self, what: str, cause: BaseException | None = None) -> NoReturn:
        hint = "Look at `schema.registry.url` of the cluster, or HEADRACE_REGISTRY, and whether the registry runs."
        raise ClusterError(f"The schema registry at {self.url} {what}.", hint=hint) from cause


def _message_of(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    message = document.get("message") if isinstance(document, dict) else None
    return str(message or text[:200] or "no reason given").rstrip(".")
