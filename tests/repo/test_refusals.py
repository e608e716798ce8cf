"""What slicing refuses: by name, with the place and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.errors import CellError, HeadraceError, MissingStreamError, RefusedError, UnknownNameError, UsageError
from headrace.repo.notebook import read_streams
from headrace.repo.slicing import slice_stream
from notebook_files import MAGIC, write_notebook

# Cells with the stream's among them, the error, and words that its message must have.
REFUSED: dict[str, tuple[list[str], type[HeadraceError], list[str]]] = {
    "a name that no cell defines": (
        [MAGIC + "df[df.x > LATE_MINUTES]"],
        UnknownNameError,
        ["`LATE_MINUTES`", "cell 2, line 2", "no cell defines", "--param LATE_MINUTES"],
    ),
    "a misspelled name": (
        ["LATE_MINUTES = 3", MAGIC + "df[df.x > LATE_MINUTE]"],
        UnknownNameError,
        ["`LATE_MINUTE`", "Did you mean `LATE_MINUTES`"],
    ),
    "a name that a helper needs": (
        ["def f(x):\n    return x * rates", MAGIC + "f(df)"],
        UnknownNameError,
        ["`rates`", "`f` (cell 2, line 1)", "`s` needs"],
    ),
    "a name in a query": ([MAGIC + "df.query('x > @limit')"], UnknownNameError, ["`limit`"]),
    "a name defined below": ([MAGIC + "df[df.x > L]", "L = 3"], UnknownNameError, ["`L`", "cell 3, line 1", "Move"]),
    "a name used before its cell": (
        ["A = B + 1", "B = 2", MAGIC + "df[df.x > A]"],
        UnknownNameError,
        ["`B`", "`A` (cell 2, line 1)", "only later", "cell 3, line 1"],
    ),
    "a name of another stream": (
        ["%%stream o --from a --to c\ntotals = df\ntotals", MAGIC + "totals"],
        UnknownNameError,
        ["`totals`", "stream `o`"],
    ),
    "a name that the shell computes": (
        ["files = !ls", MAGIC + "df[df.name.isin(files)]"],
        UnknownNameError,
        ["`files`", "IPython line", "cell 2, line 1"],
    ),
    "a name in a cell that is not Python": (
        ["LIMIT = 3\nno line of python", MAGIC + "df[df.x > LIMIT]"],
        UnknownNameError,
        ["`LIMIT`", "Cell 2", "line 2"],
    ),
    "display": ([MAGIC + "display(df)\ndf"], UnknownNameError, ["`display`", "notebooks only"]),
    "the frame in a helper": (["def f():\n    return df.x", MAGIC + "df.assign(y=f())"], UnknownNameError, ["`df`"]),
    "a star import": (
        ["from math import *", MAGIC + "df.assign(y=df.x * pi)"],
        RefusedError,
        ["`from math import *`", "Cell 2, line 1"],
    ),
    "a star import that could hide a builtin": (
        ["from numpy import *", MAGIC + "df.assign(y=abs(df.x))"],
        RefusedError,
        ["`from numpy import *`", "Cell 2, line 1", "by name"],
    ),
    "exec": ([MAGIC + "exec('a = 1')\ndf"], RefusedError, ["`exec`"]),
    "globals in a helper": (["def f():\n    return globals()", MAGIC + "f()\ndf"], RefusedError, ["`globals`"]),
    "a file read at import": (
        ["import pandas as pd\nRATES = pd.read_csv('rates.csv')", MAGIC + "df.merge(RATES)"],
        RefusedError,
        ["reads a file", "cell 2, line 2", "RATES"],
    ),
    "a module beside the notebook": (
        ["from beside import f", MAGIC + "f(df)"],
        RefusedError,
        ["`beside`", "beside the notebook"],
    ),
    "a relative import": (["from .x import f", MAGIC + "f(df)"], RefusedError, ["`.x`"]),
    "a deleted name": (["L = 1", "del L", MAGIC + "df[df.x > L]"], RefusedError, ["del L", "deletes"]),
    "an awaited value": (["async def f(): ...\nL = await f()", MAGIC + "df[df.x > L]"], RefusedError, ["awaits"]),
    "its own name": (["def transform(x):\n    return x", MAGIC + "transform(df)"], RefusedError, ["`transform`"]),
    "what a script guards": (
        ["if __name__ == '__main__':\n    L = 1", MAGIC + "df[df.x > L]"],
        RefusedError,
        ["`__name__`"],
    ),
    "a body that is not Python": ([MAGIC + "df[df.x >"], CellError, ["not Python"]),
    "a body with a magic": ([MAGIC + "%time df"], CellError, ["not Python"]),
    "a body that returns": ([MAGIC + "return df"], CellError, ["`return`"]),
    "no such stream": (["%%stream other --from a\ndf"], MissingStreamError, ["`s`", "other"]),
    "no stream at all": (["df"], MissingStreamError, ["no %%stream"]),
    "two of one name": ([MAGIC + "df", MAGIC + "df"], UsageError, ["cell 2 and cell 3"]),
    "a magic line with a wrong option": (["%%stream s --form a\ndf"], UsageError, ["--form", "--format"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_with_what_to_do(name: str, tmp_path: Path) -> None:
    cells, kind, words = REFUSED[name]
    (tmp_path / "beside.py").write_text("def f(x): return x", encoding="utf-8")
    notebook = write_notebook(tmp_path / "n.ipynb", *cells)
    with pytest.raises(kind) as caught:
        slice_stream(notebook, "s")
    for word in words:
        assert word in str(caught.value)
    assert caught.value.hint


def test_one_bad_stream_does_not_hide_the_others(tmp_path: Path) -> None:
    cells = ["%%stream bad --form a\ndf", "\n%%stream good --from a --sample first:9\ndf.head()\n", "%%streams no"]
    bad, good = read_streams(write_notebook(tmp_path / "n.ipynb", *cells))
    assert bad.name == "bad"
    assert bad.spec is None
    assert isinstance(bad.error, UsageError)
    assert good.spec is not None
    assert good.preview is not None
    assert (good.spec.source, good.preview.sample, good.body, good.first_line) == ("a", "first:9", "df.head()\n", 3)
    assert good.cell_id == "cell-1"


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', '{"worksheets": []}', "\xff"])
def test_a_file_that_is_no_notebook(text: str, tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"n\.ipynb"):
        read_streams(path)
