"""The clean room: a fresh process runs what was extracted."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_records import examined, flights
from headrace.errors import CellError, MissingStreamError, ProofError
from headrace.proof.room import run_clean
from headrace.spec import to_yaml

BODY = "flown = df[df.dep_delay.notna()]\nflown.assign(late=flown.arr_delay > LATE_MINUTES)"
MODULE = """
import pandas as pd

LATE_MINUTES = 15


def transform(df: pd.DataFrame) -> pd.DataFrame:
    flown = df[df.dep_delay.notna()]
    return flown.assign(late=flown.arr_delay > LATE_MINUTES)
"""


def write(folder: Path, module: str) -> Path:
    found = examined(BODY, flights(60))
    stream = folder / "late_flights"
    stream.mkdir()
    (stream / "stream.yaml").write_text(to_yaml(found.document("0:0-60")), encoding="utf-8")
    (stream / "transform.py").write_text(module, encoding="utf-8")
    return stream


def test_the_clean_room_gives_what_the_cell_gave(tmp_path: Path) -> None:
    found = examined(BODY, flights(60))
    clean = run_clean(write(tmp_path, MODULE), flights(60))
    assert clean.output_digest == found.output_digest
    assert clean.verdict.equal is True
    assert clean.rows_in == 60
    assert clean.rows_out == found.verdict.rows_out == 60 - (clean.filtered or 0)
    assert clean.output == found.stream.document.output
    assert clean.output["late"] == "bool"


def test_another_constant_gives_another_digest(tmp_path: Path) -> None:
    found = examined(BODY, flights(60))
    folder = write(tmp_path, MODULE.replace("15", "30"))
    assert run_clean(folder, flights(60)).output_digest != found.output_digest


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("LATE = MINUTES\n", ("line 1", "NameError: name 'MINUTES'", "Define `MINUTES` in a cell")),
        ("import no_such_package\n", ("No module named 'no_such_package'", "Install the package")),
        ("def transform(df)\n", ("line 1", "SyntaxError")),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused(tmp_path: Path, module: str, said: tuple[str, ...]) -> None:
    with pytest.raises(CellError) as raised:
        run_clean(write(tmp_path, module), flights(10))
    assert all(text in str(raised.value) for text in said), raised.value


def test_a_name_missing_in_the_function_fails_every_record(tmp_path: Path) -> None:
    clean = run_clean(write(tmp_path, MODULE.replace("LATE_MINUTES = 15", "")), flights(10))
    assert clean.failed == 10
    assert clean.first_error == "NameError: name 'LATE_MINUTES' is not defined"


def test_nothing_of_the_notebook_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 1\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("A_PASSWORD", "secret")
    monkeypatch.chdir(tmp_path)
    module = "import os\nassert 'A_PASSWORD' not in os.environ and not os.listdir('.')[2:]\nimport beside\n"
    with pytest.raises(CellError, match="No module named 'beside'"):
        run_clean(write(tmp_path, module), flights(10))


def test_a_cell_that_ends_the_process_or_takes_too_long_is_refused(tmp_path: Path) -> None:
    ending = write(tmp_path, "import os, sys\nprint('last words', file=sys.stderr)\nsys.stderr.flush()\nos._exit(3)\n")
    with pytest.raises(ProofError, match="status 3: last words"):
        run_clean(ending, flights(10))
    (ending / "transform.py").write_text("while True: pass\n", encoding="utf-8")
    with pytest.raises(ProofError, match="not done on 10 records in 2 s"):
        run_clean(ending, flights(10), timeout=2)


def test_printing_does_no_harm(tmp_path: Path) -> None:
    module = MODULE.replace("    return", "    print('x' * 100_000)\n    return")
    assert run_clean(write(tmp_path, module), flights(10)).failed == 0


def test_an_error_of_ours_comes_back_as_the_same_class(tmp_path: Path) -> None:
    folder = write(tmp_path, MODULE)
    (folder / "stream.yaml").unlink()
    with pytest.raises(MissingStreamError, match="late_flights"):
        run_clean(folder, flights(10))
