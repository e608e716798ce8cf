"""``%load_ext headrace``."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from headrace.notebook.completion import complete_magic_line
from headrace.notebook.magic import StreamMagics


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register ``%%stream``, ``%resample`` and ``%run_on`` with completion and help; loading twice changes nothing.

    Args:
        shell: the IPython shell of the kernel.
    """
    if StreamMagics.__name__ in shell.magics_manager.registry:
        return
    magics = StreamMagics(shell)
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.running.remember)
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers.append(complete_magic_line)
