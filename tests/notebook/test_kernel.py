"""A notebook in a real kernel, run from top to bottom."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

from headrace.kafka.clusters import Cluster
from headrace.proof import previews
from headrace.proof.preview_model import PREVIEW_MIME


def test_run_all_gives_the_same_picture_twice(
    tmp_path: Path, flights_topic: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = tmp_path / "delays.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    cell = f"""%%stream late_flights --from {flights_topic} --to flights.late --key origin --time time_hour
flown = df[df.dep_delay.notna()]
flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > LATE_MINUTES)"""
    sources = ["%load_ext headrace", "LATE_MINUTES = 15", cell]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    document = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    shown = []
    for _ in range(2):
        nbclient.NotebookClient(document, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path))
        (output,) = [output for output in document.cells[2].outputs if PREVIEW_MIME in output.get("data", {})]
        assert output.output_type == "display_data"
        shown.append(output.data[PREVIEW_MIME])
        found = previews.latest(notebook, "late_flights")
        assert found is not None
        assert found.id == shown[-1]["id"]
        assert found.notebook == str(notebook)
    first, second = shown
    assert first["counts"] == second["counts"] == {"rows_in": 400, "rows_out": 371, "filtered": 29, "failed": 0}
    assert first["sample"] == second["sample"]
    assert first["verdict"]["equal"] is second["verdict"]["equal"] is True
    assert previews.load(first["id"]).output_digest == previews.load(second["id"]).output_digest
    assert "2013-01" not in nbformat.writes(document)  # type: ignore[no-untyped-call]
