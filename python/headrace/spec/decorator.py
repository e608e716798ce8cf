"""``@headrace.stream``: the same declaration on a function in a plain Python file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from headrace.errors import UsageError
from headrace.spec.stream import StreamSpec

Function = TypeVar("Function", bound=Callable[..., Any])

SPEC_ATTRIBUTE = "__headrace_spec__"


def stream(
    *,
    source: str,
    sink: str | Sequence[str] = (),
    name: str | None = None,
    **options: object,
) -> Callable[[Function], Function]:
    """Declare that a function is a stream; it stays an ordinary function.

    Args:
        source: the topic whose records are the function's first argument, a DataFrame.
        sink: the topic that takes the outputs.
        name: the stream's name; the function's own when left out.
        options: further fields of :class:`~headrace.spec.StreamSpec` (``key``, ``time``, ``params``, ...).

    Raises:
        UsageError: an option that does not exist or a value that does not fit.
    """

    def declare(function: Function) -> Function:
        sinks = (sink,) if isinstance(sink, str) else tuple(sink)
        stream_name = name or getattr(function, "__name__", "")
        try:
            spec = StreamSpec.model_validate({"name": stream_name, "source": source, "sinks": sinks, **options})
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            message = f"@headrace.stream on `{stream_name}`: {place}: {problem['msg'].removeprefix('Value error, ')}."
            raise UsageError(message) from None
        setattr(function, SPEC_ATTRIBUTE, spec)
        return function

    return declare
