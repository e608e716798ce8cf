"""A cell's body as a function."""

from __future__ import annotations

import traceback
from pathlib import Path

import pandas as pd
import pytest

from headrace.engine.function import compile_body, load_folder
from headrace.errors import CellError, MissingStreamError


def run(source: str, **namespace: object) -> object:
    return compile_body(source, filename="<cell>", namespace=namespace)(pd.DataFrame({"x": [1, 2]}))


def test_the_last_expression_is_the_output() -> None:
    assert run("y = df.x * 2\ny.sum()") == 6


@pytest.mark.parametrize(
    ("source", "adds"),
    [("df['y'] = df.x", True), ("if True:\n    df = df.assign(y=df.x)", True), ("", False), ("# nothing", False)],
)
def test_without_a_last_expression_df_is_the_output(source: str, *, adds: bool) -> None:
    output = run(source)
    assert isinstance(output, pd.DataFrame)
    assert ("y" in output) == adds


def test_the_cells_names_stay_its_own() -> None:
    namespace: dict[str, object] = {"limit": 1}
    kept = compile_body("flown = df[df.x > limit]\nflown", filename="<cell>", namespace=namespace)
    assert len(kept(pd.DataFrame({"x": [1, 2]}))) == 1
    assert "flown" not in namespace
    assert "transform" not in namespace


def test_tracebacks_name_the_cells_lines() -> None:
    cell = compile_body("y = 1\n1 / 0", filename="<cell 7>", namespace={}, first_line=2)
    with pytest.raises(ZeroDivisionError) as caught:
        cell(None)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == ("<cell 7>", 3)


def test_nested_functions_and_lambdas_may_return_and_yield() -> None:
    assert run("def f():\n    return 3\ng = lambda: (yield)\nf()") == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("return df", "Line 1 of the cell has `return`"),
        ("x = 1\nif x:\n    yield df", "Line 3 of the cell has `yield`"),
        ("await df", "`await`"),
        ("df.x +", "Line 1 of the cell is not Python"),
    ],
)
def test_what_cannot_be_a_function_is_refused_with_its_line(source: str, message: str) -> None:
    with pytest.raises(CellError, match=message):
        run(source)


def test_a_folder_gives_its_transform(tmp_path: Path) -> None:
    (tmp_path / "transform.py").write_text("LIMIT = 2\n\n\ndef transform(df):\n    return df * LIMIT\n")
    assert load_folder(tmp_path)(4) == 8


def test_a_folder_without_transform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingStreamError, match=r"has no transform\.py"):
        load_folder(tmp_path)
    (tmp_path / "transform.py").write_text("x = 1\n")
    with pytest.raises(MissingStreamError, match="defines no function"):
        load_folder(tmp_path)


def test_a_refused_line_is_counted_as_the_cell_shows_it() -> None:
    for source, message in (("df.x +", "Line 2 of the cell is not Python"), ("\nreturn df", "Line 3 of the cell has")):
        with pytest.raises(CellError, match=message):
            compile_body(source, filename="<cell>", namespace={}, first_line=2)
