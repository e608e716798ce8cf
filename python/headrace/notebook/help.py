"""The help of ``%%stream``, from the same table that parses it."""

from __future__ import annotations

import textwrap

from headrace.spec import OPTIONS

_WIDTH = 100
_INDENT = 26
_HEAD = """\
%%stream NAME --from TOPIC [--to TOPIC] [OPTIONS]

The cell is a complete stream: this line, then plain pandas. `df` holds the records; the last expression is the output,
one row an output, or `df` where there is none. The cell is run on a pinned sample, read-only, and checked: does it give
on a stream what it gives on the whole sample?
"""


def help_text() -> str:
    """Return what ``%stream --help`` and ``%%stream?`` print."""
    lines = [_HEAD, "Options:"]
    for option in OPTIONS:
        words = f"  {option.flag} {option.metavar or ''}".rstrip()
        choices = f" One of {', '.join(option.choices)}." if option.choices else ""
        more = " May stand more than once." if option.multiple else ""
        text = textwrap.wrap(f"{option.help}{choices}{more}", _WIDTH - _INDENT)
        first, rest = text[0], text[1:]
        lines.append(f"{words:<{_INDENT - 2}}  {first}")
        lines += [" " * _INDENT + line for line in rest]
    return "\n".join([*lines, "", "`%resample NAME` takes a new sample for a stream; `%stream --help` prints this."])
