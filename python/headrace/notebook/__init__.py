"""The notebook side: the ``%%stream`` magic and what it shows. The only part that knows IPython."""

from headrace.notebook.extension import load_ipython_extension
from headrace.notebook.session import resample, streams

__all__ = ["load_ipython_extension", "resample", "streams"]
