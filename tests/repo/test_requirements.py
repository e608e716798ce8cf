"""What requirements.txt pins."""

from __future__ import annotations

from importlib.metadata import version

from headrace.repo.requirements import requirements_text

SOURCE = """
import os
import pandas as pd
import no_such_package

def transform(df):
    from dateutil import tz
    import numpy.linalg
    return df
"""


def test_the_distributions_of_what_is_imported_are_pinned_and_nothing_else() -> None:
    expected = [f"{name}=={version(name)}" for name in ("numpy", "pandas", "python-dateutil")]
    assert requirements_text(SOURCE).splitlines() == expected
