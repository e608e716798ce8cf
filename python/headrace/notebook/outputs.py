"""A cell's outputs: the one place that calls IPython's untyped display functions."""

from __future__ import annotations

from typing import Any

from IPython.display import clear_output, publish_display_data


def publish(data: dict[str, Any], *, display_id: str | None = None, update: bool = False) -> None:
    """Add an output to the running cell, or change one.

    Args:
        data: the output by MIME type.
        display_id: a name under which it can be changed later.
        update: change the output of that name instead.
    """
    transient = {} if display_id is None else {"display_id": display_id}
    publish_display_data(data, transient=transient, update=update)  # type: ignore[no-untyped-call]


def clear() -> None:
    """Remove the running cell's outputs."""
    clear_output()  # type: ignore[no-untyped-call]
