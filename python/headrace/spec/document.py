"""``stream.yaml``: the spec with the types of its columns and what the check proved."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from headrace.errors import MissingStreamError, RefusedError
from headrace.spec.column_type import ColumnType
from headrace.spec.stream import StreamSpec

DOCUMENT_NAME = "stream.yaml"
Matching = Literal["label", "row-id", "none"]
"""How output rows are matched to the rows they come from (DataFrame labels, an added column, not at all)."""


class ProofSummary(BaseModel):
    """What the streamability check found when the stream was committed.

    Attributes:
        equal: batch and stream agreed; ``None`` when the sample could not prove it.
        reason: one sentence.
        rows_in: records of the sample.
        rows_out: rows that came out of them.
        failed: records that failed.
        sample: which records, as ``--sample`` takes it: ``0:100-225,1:90-215``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    equal: bool | None
    reason: str
    rows_in: int
    rows_out: int
    failed: int
    sample: str


class StreamDocument(BaseModel):
    """All that ``stream.yaml`` holds.

    Attributes:
        spec: the stream's declaration.
        input: pandas dtype of each column the function sees; the order is the frame's.
        output: pandas dtype of each column of the output on the sample.
        never_null: input columns without a null in the inference; a null there is a dead letter.
        matching: how output rows are matched to their input rows.
        repartition: the records do not stand by ``--key`` in the source, so they go through a topic of their own.
        windows_at_once: the cell gives for many windows in one frame what it gives for each alone.
        sides: pandas dtype of each column of each side input, by topic.
        copartitioned: side topics that are divided as the stream is, so that a replica reads its own partitions alone;
            with how many partitions they had when that was found.
        states: pandas dtype of each column of each state on the sample, by name.
        proof: what the check found, or ``None`` before the first check.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: StreamSpec
    input: dict[str, ColumnType]
    output: dict[str, str] = {}
    never_null: tuple[str, ...] = ()
    matching: Matching = "label"
    repartition: bool = False
    windows_at_once: bool = False
    sides: dict[str, dict[str, ColumnType]] = {}
    copartitioned: dict[str, int] = {}
    states: dict[str, dict[str, str]] = {}
    proof: ProofSummary | None = None


def to_yaml(document: StreamDocument) -> str:
    """Return the text of ``stream.yaml``; spec fields at their default are left out."""
    content = {
        "spec": document.spec.model_dump(mode="json", exclude_defaults=True),
        "matching": document.matching,
        **{name: True for name in ("repartition", "windows_at_once") if getattr(document, name)},
        "input": dict(document.input),
        "never_null": list(document.never_null),
        "output": dict(document.output),
        **{
            name: value
            for name in ("sides", "copartitioned", "states")
            if (value := document.model_dump(mode="json")[name])
        },
        "proof": document.proof.model_dump(mode="json") if document.proof else None,
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1000
    yaml.dump(content, text)
    return text.getvalue()


def read_document(folder: Path) -> StreamDocument:
    """Return what ``folder``'s ``stream.yaml`` holds.

    Raises:
        MissingStreamError: the folder has no ``stream.yaml``.
        RefusedError: it is not YAML, or a field is wrong; the message names it.
    """
    path = folder / DOCUMENT_NAME
    if not path.is_file():
        message = f"`{folder}` is not a stream folder: it has no {DOCUMENT_NAME}."
        raise MissingStreamError(message, hint="Name a folder such as streams/NAME, made by `headrace commit`.")
    return parse_document(path.read_text(encoding="utf-8"), path)


def parse_document(text: str, path: Path | str) -> StreamDocument:
    """Return what the text of a ``stream.yaml`` holds; ``path`` is its name in errors.

    Raises:
        RefusedError: it is not YAML, or a field is wrong; the message names it.
    """
    try:
        return StreamDocument.model_validate(YAML(typ="safe").load(text))
    except YAMLError as error:
        message = f"`{path}` is not YAML: {error}"
        raise RefusedError(message) from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        message = f"`{path}`: {place}: {problem['msg']}."
        raise RefusedError(message, hint="Mend the file, or commit the stream again.") from None
