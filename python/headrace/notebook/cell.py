"""The cell a magic runs in: its own text, its file name in tracebacks, its notebook."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

from headrace.engine.context import Function
from headrace.engine.function import compile_body
from headrace.spec import StreamSpec

SESSION_VARIABLE = "JPY_SESSION_NAME"
"""Where Jupyter Server tells a kernel the path of its notebook."""
EDITOR_VARIABLE = "__vsc_ipynb_file__"
"""The name under which another editor tells it."""
NOTEBOOK_SUFFIX = ".ipynb"


@dataclass(slots=True)
class RunningCell:
    """Remembers the text of the cell that runs, magic line included, as the shell's ``pre_run_cell`` says it."""

    text: str = ""

    def remember(self, info: ExecutionInfo) -> None:
        """Take the text of the cell that is about to run."""
        self.text = str(info.raw_cell or "")


def compile_cell(shell: InteractiveShell, text: str, body: str, spec: StreamSpec) -> Function:
    """Return the cell's body as a function over the user's namespace, with the cell's own file name and lines.

    Tracebacks and the debugger then point at the cell as it stands in the notebook, magic line counted.

    Args:
        shell: the kernel's shell; its namespace becomes the function's globals.
        text: the whole cell; where it does not end with ``body``, the body is taken to stand below one line.
        body: the lines after the magic line.
        spec: the cell's declaration; its parameters become the function's arguments.

    Raises:
        CellError: the body is not Python, or uses ``return`` at its top level.
    """
    lines, own = text.rstrip().splitlines(), body.rstrip().splitlines()
    above = len(lines) - len(own)
    if above < 1 or lines[above:] != own:
        above, text = 1, f"%%stream {spec.name}\n{body}"
    filename = shell.compile.cache(text, shell.execution_count, raw_code=text)
    return compile_body(
        body,
        filename=filename,
        first_line=above + 1,
        arguments=spec.argument_names,
        states=[state.name for state in spec.declared_states],
        namespace=shell.user_ns,
    )


def notebook_path(shell: InteractiveShell) -> Path | None:
    """Return the path of the notebook that the kernel belongs to, or ``None`` where nobody says."""
    said = shell.user_ns.get(EDITOR_VARIABLE) or os.environ.get(SESSION_VARIABLE)
    if not said or not str(said).endswith(NOTEBOOK_SUFFIX):
        return None
    path = Path(str(said))
    return path.resolve() if path.is_absolute() else (Path.cwd() / path.name).resolve()
