"""The notebook side: the ``%%stream`` magic and what it shows. The only part that knows IPython."""

from headrace.notebook.extension import load_ipython_extension
from headrace.notebook.one_record import run_on
from headrace.notebook.session import resample, streams

__all__ = ["load_ipython_extension", "resample", "run_on", "streams"]
