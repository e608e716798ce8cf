"""The text after ``%%stream``, to a spec and back."""

from __future__ import annotations

import difflib
import json
import shlex
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from headrace.errors import UsageError
from headrace.spec.column_type import parse_column_type
from headrace.spec.options import BY_FLAG, NOT_YET, OPTIONS, Option
from headrace.spec.preview_options import PreviewOptions
from headrace.spec.stream import Scalar, StreamSpec

_EXCLUSIVE = frozenset({"--lookback", "--window"})
_FIRST_LINE = "Write %%stream NAME --from TOPIC [--to TOPIC]."


@dataclass(frozen=True, slots=True)
class MagicLine:
    """A parsed magic line: the stream's spec, and how to preview it."""

    spec: StreamSpec
    preview: PreviewOptions


def parse_magic_line(line: str) -> MagicLine:
    """Return the spec and the preview options that ``line`` (without ``%%stream``) declares.

    Raises:
        UsageError: an unknown option, a missing or bad value; the message names it.
    """
    name, given = _split(line)
    fields: dict[str, dict[str, Any]] = {"spec": {}, "preview": {}}
    for option, value in given:
        target = fields["preview" if option.preview else "spec"]
        if option.field in target and not option.multiple:
            message = f"{option.flag} stands twice."
            raise UsageError(message, hint="Keep one of them.")
        _fill(target, option, value)
    if "source" not in fields["spec"]:
        message = "%%stream needs --from TOPIC."
        raise UsageError(message, hint=_FIRST_LINE)
    try:
        return MagicLine(StreamSpec(name=name, **fields["spec"]), PreviewOptions(**fields["preview"]))
    except ValidationError as error:
        raise UsageError(_first_problem(error)) from None


def format_magic_line(line: MagicLine) -> str:
    """Return the text that :func:`parse_magic_line` reads as ``line``; options at their default are left out."""
    words = [line.spec.name]
    for option in OPTIONS:
        model = line.preview if option.preview else line.spec
        value = getattr(model, option.field)
        if value == type(model).model_fields[option.field].get_default() and option.field != "source":
            continue
        words += _words(option, value)
    return shlex.join(words)


def declarations(before: StreamSpec, after: StreamSpec) -> str:
    """Return the options of a magic line in which ``after`` differs from ``before``: ``--key origin --lookback 6h``."""
    words: list[str] = []
    for option in OPTIONS:
        value = None if option.preview else getattr(after, option.field)
        if value is not None and value != getattr(before, option.field):
            words += _words(option, value)
    return shlex.join(words)


def with_declarations(line: str, words: str) -> str:
    """Return a magic line (without ``%%stream``) with the options ``words``, as :func:`declarations` gives them.

    What the line says already of one of them is replaced, as is a window by a lookback and a lookback by a window; all
    else stays as it is written, word by word.

    Raises:
        UsageError: the line, the words or both together are no magic line.
    """
    name, given = _split(line)
    added = _split(f"{name} {words}")[1]
    replaced = {option.flag for option, _ in added if not option.multiple}
    if replaced & _EXCLUSIVE:
        replaced |= _EXCLUSIVE
    kept = [name]
    for option, value in given:
        if option.flag not in replaced:
            kept += [option.flag] if value is None else [option.flag, value]
    for option, value in added:
        kept += [option.flag] if value is None else [option.flag, value]
    text = shlex.join(kept)
    parse_magic_line(text)
    return text


def _split(line: str) -> tuple[str, list[tuple[Option, str | None]]]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        message = f"The %%stream line cannot be read: {error}."
        raise UsageError(message, hint="Close every quotation mark.") from None
    if not words or words[0].startswith("-"):
        message = "%%stream needs a name first."
        raise UsageError(message, hint=_FIRST_LINE)
    given: list[tuple[Option, str | None]] = []
    rest = iter(words[1:])
    for word in rest:
        flag, separator, attached = word.partition("=")
        option = _option(flag)
        if option.metavar is None:
            if separator:
                message = f"{flag} takes no value, `{attached}` was given."
                raise UsageError(message, hint=f"Write {flag} alone.")
            given.append((option, None))
            continue
        value = attached if separator else next(rest, None)
        if value is None or (not separator and value in BY_FLAG):
            message = f"{flag} needs a value."
            raise UsageError(message, hint=f"Write {flag} {option.metavar}.")
        given.append((option, value))
    return words[0], given


def _option(flag: str) -> Option:
    if flag in BY_FLAG:
        return BY_FLAG[flag]
    if flag in NOT_YET:
        message = f"{flag} is not part of this version yet."
        raise UsageError(message, hint="Leave it out; the cell then sees its own rows alone.")
    if not flag.startswith("-"):
        message = f"`{flag}` stands where an option should."
        raise UsageError(message, hint=_FIRST_LINE)
    near = difflib.get_close_matches(flag, BY_FLAG, n=1)
    message = f"%%stream has no option {flag}."
    raise UsageError(message, hint=f"Did you mean {near[0]}?" if near else f"It has {', '.join(BY_FLAG)}.")


def _fill(target: dict[str, Any], option: Option, value: str | None) -> None:
    if value is None:
        target[option.field] = True
    elif option.field in {"types", "params"}:
        name, separator, text = value.partition("=")
        if not separator or not name:
            message = f"{option.flag} {value}: `=` is missing."
            raise UsageError(message, hint=f"Write {option.flag} {option.metavar}.")
        pairs = target.setdefault(option.field, {})
        if name in pairs:
            message = f"{option.flag} {name} stands twice."
            raise UsageError(message, hint="Keep one of them.")
        pairs[name] = parse_column_type(text) if option.field == "types" else parse_scalar(text)
    elif option.multiple:
        target.setdefault(option.field, []).append(value)
    elif option.choices and value not in option.choices:
        message = f"{option.flag} {value}: there is no such choice."
        raise UsageError(message, hint=f"Use {' or '.join(option.choices)}.")
    else:
        target[option.field] = value


def parse_scalar(text: str) -> Scalar:
    """Return the value that ``text`` writes: an int, a float, true or false, else the text itself."""
    lowered = text.lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _words(option: Option, value: object) -> list[str]:
    if value is True and option.metavar is None:
        return [option.flag]
    if isinstance(value, dict):
        return [
            word
            for name, item in value.items()
            for word in (option.flag, f"{name}={item if isinstance(item, str) else json.dumps(item)}")
        ]
    values = value if isinstance(value, tuple) else (value,)
    return [word for item in values for word in (option.flag, str(item))]


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    flags = {option.field: option.flag for option in OPTIONS}
    place = flags.get(str(problem["loc"][0]), "") if problem["loc"] else ""
    text = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {text}." if place else f"{text}."
