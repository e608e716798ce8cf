"""Prove a stream folder in the clean room and, in the same fresh process, write the fixture of its tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from headrace.kafka.records import Records
from headrace.proof.fresh_process import run_fresh
from headrace.proof.room import CleanResult, examine_folder
from headrace.repo.folder import EXPECTED_NAME, INPUT_NAME, side_name
from headrace.spec import DOCUMENT_NAME, to_yaml

if TYPE_CHECKING:
    from headrace.engine.edges import Edges


class Finished(BaseModel):
    """What the fresh process found out.

    Attributes:
        clean: what :func:`headrace.proof.room.run_clean` gives.
        fixture_dtypes: dtype of each output column on the fixture.
        batches_agree: whether the fixture gives the same in small batches.
    """

    model_config = ConfigDict(frozen=True)

    clean: CleanResult
    fixture_dtypes: dict[str, str]
    batches_agree: bool


def finish(
    folder: Path, records: Records, sides: Mapping[str, Records] | None = None, edges: Edges | None = None
) -> Finished:
    """Run and check a stream folder as the clean room does, and write its recorded input and expected output.

    Args:
        folder: has ``transform.py`` and a ``stream.yaml`` with the pinned input types.
        records: the pinned sample.
        sides: records of the side inputs by topic, pinned with it.
        edges: of the sample, pinned with it.

    Raises:
        CellError: the module cannot be imported.
        ProofError: the process died or took too long.
        HeadraceError: what Headrace itself refuses there, with the same words.
    """
    return Finished.model_validate(run_fresh(f"{__name__}:work", folder, records, sides, edges=edges))


def work(folder: Path, records: Records, sides: Mapping[str, Records], edges: Edges | None) -> Finished:
    """Do what the fresh process of :func:`finish` does."""
    from headrace.engine.trial import process  # noqa: PLC0415  who only starts the process need not load the engine
    from headrace.repo.case import StreamCase  # noqa: PLC0415
    from headrace.repo.fixture import choose, outcomes, write_lines, write_records  # noqa: PLC0415
    from headrace.repo.side_fixture import sides_of, with_few_sides  # noqa: PLC0415

    found = examine_folder(folder, records, sides, edges)
    (folder / DOCUMENT_NAME).write_text(to_yaml(found.stream.document), encoding="utf-8")
    fixture = records.take(choose(records, found.whole))
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    write_records(tests / INPUT_NAME, fixture)
    stream = with_few_sides(replace(found.stream, edges=None), fixture)  # the test's records are all there are
    for topic, own in sides_of(stream).items():
        write_records(tests / side_name(topic), own)
    write_lines(tests / EXPECTED_NAME, outcomes(fixture, process(stream, fixture), stream.document.spec.sinks))
    case = StreamCase.read(folder)
    return Finished(
        clean=CleanResult.of(found),
        fixture_dtypes=case.dtypes(),
        batches_agree=all(case.outcomes(batch=size) == case.expected for size in (1, 7)),
    )
