"""Finds the compiled library and the librdkafka that confluent-kafka has loaded."""

from __future__ import annotations

import ctypes
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import cimpl

SWITCH = "HEADRACE_NATIVE"
"""Set to 0, this environment variable turns the native ways off."""

LIBRARY = Path(__file__).with_name("_headrace.so")

_KNOWN_CLIENTS = ((2, 16),)
"""Versions of confluent-kafka whose objects begin as :func:`client_handle` expects, and were tested."""
_OLDEST_LIBRDKAFKA, _UNKNOWN_LIBRDKAFKA = 0x02100000, 0x03000000
_PRODUCER, _CONSUMER = 0, 1

_TAKEN = (
    "consume_batch_queue",
    "message_timestamp",
    "message_headers",
    "header_get_all",
    "message_destroy",
    "topic_new",
    "topic_destroy",
    "producev",
    "headers_new",
    "header_add",
    "headers_destroy",
    "message_status",
    "topic_name",
    "conf_interceptor_add_on_new",
    "interceptor_add_on_destroy",
    "interceptor_add_on_acknowledgement",
)
"""The functions of librdkafka that the compiled library calls, in its order."""

_POINTER, _TEXT, _INT, _LONG = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_version": (_INT, []),
    "rd_kafka_name": (_TEXT, [_POINTER]),
    "rd_kafka_type": (_INT, [_POINTER]),
    "rd_kafka_queue_new": (_POINTER, [_POINTER]),
    "rd_kafka_queue_destroy": (None, [_POINTER]),
    "rd_kafka_queue_get_consumer": (_POINTER, [_POINTER]),
    "rd_kafka_queue_get_partition": (_POINTER, [_POINTER, _TEXT, ctypes.c_int32]),
    "rd_kafka_queue_forward": (None, [_POINTER, _POINTER]),
    "headrace_kafka": (None, [_POINTER]),
    "headrace_free": (None, [_POINTER]),
    "headrace_read": (_INT, [_POINTER, _INT, _INT, _POINTER]),
    "headrace_send": (_LONG, [_POINTER, _TEXT, _LONG, *[_POINTER] * 8, _TEXT, _POINTER, _POINTER]),
    "headrace_watched": (_POINTER, [_POINTER]),
    "headrace_failure": (_INT, [_POINTER, _TEXT]),
    "headrace_scan": (None, [_POINTER, _POINTER, _POINTER, _LONG, _LONG, _TEXT, _POINTER, _TEXT, *[_POINTER] * 4]),
    "headrace_gather": (None, [_POINTER, _POINTER, _POINTER, _LONG, _POINTER]),
    "headrace_write": (_INT, [_LONG, _LONG, _POINTER, _TEXT, _POINTER, _POINTER, _POINTER]),
}


def available() -> bool:
    """Return whether batches go to and from Kafka by the native way."""
    return isinstance(_kafka(), Functions)


def why_not() -> str:
    """Return why the native way is not :func:`available`; nothing when it is."""
    found = _kafka()
    return "" if isinstance(found, Functions) else found


class Functions:
    """Functions of the compiled library and of librdkafka, by their names; calling one lets other threads run."""

    def __init__(self, *libraries: ctypes.CDLL) -> None:
        for name, (result, arguments) in _SIGNATURES.items():
            holder = next((library for library in libraries if hasattr(library, name)), None)
            if holder is not None:
                function = getattr(holder, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  a foreign function
        raise AttributeError(f"Neither librdkafka nor the compiled library has `{name}`.")


def kafka() -> Functions:
    """Return the functions for Kafka; only where :func:`available`."""
    found = _kafka()
    if isinstance(found, Functions):
        return found
    raise RuntimeError(f"The native way is not available: {found}")


@cache
def json() -> Functions | None:
    """Return the functions for JSON, ``None`` where there is no compiled library."""
    own = compiled()
    return None if isinstance(own, str) else Functions(own)


def client_handle(client: object) -> int:
    """Return the address of the librdkafka client of a confluent-kafka consumer or producer.

    It is the first field of their objects, after what all Python objects begin with; that holds for the known versions,
    and what is found must be a client of the same kind and say a client's name.

    Raises:
        RuntimeError: the client is closed, or what is found is no client.
    """
    handle = ctypes.c_void_p.from_address(id(client) + object.__basicsize__).value
    if not handle:
        raise RuntimeError("The client is closed.")
    return handle


def check_client(client: object) -> bool:
    """Return whether :func:`client_handle` can be believed for ``client``."""
    if not isinstance(client, cimpl.Consumer | cimpl.Producer):
        return False
    handle = ctypes.c_void_p.from_address(id(client) + object.__basicsize__).value or 0
    if not handle or handle % ctypes.sizeof(ctypes.c_void_p):
        return False
    kind, name = (_CONSUMER, "consumer") if isinstance(client, cimpl.Consumer) else (_PRODUCER, "producer")
    functions = kafka()
    if functions.rd_kafka_type(handle) != kind:
        return False
    return re.search(rf"#{name}-\d+$", functions.rd_kafka_name(handle).decode(errors="replace")) is not None


@cache
def compiled() -> ctypes.CDLL | str:
    """Return the compiled library, or why there is none."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH}=0"
    if not LIBRARY.exists():
        return "it was not compiled when Headrace was installed (a C compiler is needed then)"
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        return f"the compiled library cannot be loaded ({error})"


@cache
def _kafka() -> Functions | str:
    own = compiled()
    if isinstance(own, str):
        return own
    number = str(confluent_kafka.version())  # some versions add a number to the text
    if tuple(int(part) for part in re.findall(r"\d+", number)[:2]) not in _KNOWN_CLIENTS:
        return f"confluent-kafka {number} is not among the versions it was tested with"
    client = ctypes.CDLL(cimpl.__file__)  # loaded already; its librdkafka is found through it
    try:
        functions = Functions(own, client)
        if not _OLDEST_LIBRDKAFKA <= functions.rd_kafka_version() < _UNKNOWN_LIBRDKAFKA:
            return "the librdkafka of confluent-kafka is not among the versions it was tested with"
        taken = [ctypes.cast(getattr(client, f"rd_kafka_{name}"), ctypes.c_void_p).value for name in _TAKEN]
        functions.headrace_kafka((ctypes.c_void_p * len(taken))(*taken))
    except AttributeError as error:
        return f"librdkafka hides its functions ({error})"
    return functions
