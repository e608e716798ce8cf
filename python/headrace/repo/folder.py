"""The files of a stream folder."""

from __future__ import annotations

from pathlib import Path

from headrace.spec import DOCUMENT_NAME, StreamDocument

STREAMS_FOLDER = "streams"
INPUT_NAME = "input.jsonl"
EXPECTED_NAME = "expected.jsonl"
FOLDER_FILES = (
    DOCUMENT_NAME,
    "transform.py",
    "requirements.txt",
    "tests/test_transform.py",
    f"tests/{INPUT_NAME}",
    f"tests/{EXPECTED_NAME}",
)

_SIDES = "side.{}.jsonl"

_FIXTURE = """
@pytest.fixture(scope="module")
def case() -> StreamCase:
    return StreamCase.read(Path(__file__).parent.parent)"""


def folder_files(folder: Path, name: str) -> dict[str, bytes]:
    """Return the files of a finished stream folder by their path in the repository."""
    sides = sorted(path.relative_to(folder).as_posix() for path in (folder / "tests").glob(side_name("*")))
    return {f"{STREAMS_FOLDER}/{name}/{path}": (folder / path).read_bytes() for path in (*FOLDER_FILES, *sides)}


def side_name(topic: str) -> str:
    """Return the name of the file that holds the recorded rows of a side topic."""
    return _SIDES.format(topic)


def test_module_text(document: StreamDocument, *, dtypes: bool, batches: bool) -> str:
    """Return ``test_transform.py``: plain pytest, no broker.

    Args:
        document: what ``stream.yaml`` holds.
        dtypes: whether the fixture's output has the dtypes that ``stream.yaml`` names.
        batches: whether the fixture gives the same in small batches.
    """
    parts = [
        f'"""{document.spec.name} gives on its recorded input what it gave when it was committed."""',
        "from pathlib import Path\n\nimport pytest\n\nfrom headrace.repo.case import StreamCase",
        _FIXTURE,
        "\ndef test_output(case: StreamCase) -> None:\n    assert case.outcomes() == case.expected",
    ]
    if dtypes:
        parts.append("\ndef test_dtypes(case: StreamCase) -> None:\n    assert case.dtypes() == case.document.output")
    if batches:
        parts.append(
            '\n@pytest.mark.parametrize("size", [1, 7])\n'
            "def test_small_batches_give_the_same(case: StreamCase, size: int) -> None:\n"
            "    assert case.outcomes(batch=size) == case.expected"
        )
    return "\n\n".join(parts) + "\n"
