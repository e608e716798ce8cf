"""A magic line is changed in the notebook's file, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.errors import HeadraceError, UsageError
from headrace.repo.magic_edit import apply_declarations

BODY = "df.assign(x=df.groupby('k').v.shift())\n"


def notebook_text(*sources: object, indent: int | None, end: str) -> str:
    cells = [
        {
            "cell_type": "code",
            "execution_count": 3,
            "id": f"c{number}",
            "metadata": {"tags": ["ü"]},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["é\n"]}],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    document = {"cells": cells, "metadata": {"z": 1, "a": 2}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=indent, ensure_ascii=False) + end


@pytest.mark.parametrize("as_list", [True, False], ids=["list", "text"])
@pytest.mark.parametrize(("indent", "end"), [(1, "\n"), (None, ""), (4, "\n")])
def test_only_the_line_changes(tmp_path: Path, indent: int | None, end: str, *, as_list: bool) -> None:
    def source(line: str) -> object:
        text = f"\n{line}\n{BODY}"
        return text.splitlines(keepends=True) if as_list else text

    path = tmp_path / "n.ipynb"
    other = "%%stream other --from a"
    path.write_text(notebook_text(other, source("%%stream  s --from a --to b"), indent=indent, end=end), "utf-8")
    line = apply_declarations(path, "s", "--key k --lookback 1rows")
    assert line == "%%stream s --from a --to b --key k --lookback 1rows"
    assert path.read_text("utf-8") == notebook_text(other, source(line), indent=indent, end=end)
    assert not list(tmp_path.glob(".n.ipynb*"))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.ipynb").write_text(notebook_text("%%stream s --from a", indent=1, end="\n"), "utf-8")
    (tmp_path / "n.ipynb").symlink_to("real.ipynb")
    apply_declarations(tmp_path / "n.ipynb", "s", "--key k")
    assert (tmp_path / "n.ipynb").is_symlink()
    assert "--key k" in (tmp_path / "real.ipynb").read_text("utf-8")


def test_a_cell_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(notebook_text("%%stream s --from a", indent=1, end="\n"), "utf-8")
    apply_declarations(path, "s", "--key k")
    assert json.loads(path.read_text("utf-8"))["cells"][0]["source"] == "%%stream s --from a --key k"


@pytest.mark.parametrize("words", ["--lookback", "--colour red", "--lookback 6parsecs", '--key "k'])
def test_what_is_no_option_leaves_the_file_alone(tmp_path: Path, words: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(notebook_text(f"%%stream s --from a\n{BODY}", indent=1, end="\n"), "utf-8")
    before = path.read_bytes()
    with pytest.raises(UsageError):
        apply_declarations(path, "s", words)
    assert path.read_bytes() == before


def test_a_missing_notebook_or_stream_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match=r"no notebook .*n\.ipynb"):
        apply_declarations(tmp_path / "n.ipynb", "s", "--key k")
    (tmp_path / "n.ipynb").write_text(notebook_text("%%stream s --from a", indent=1, end="\n"), "utf-8")
    with pytest.raises(HeadraceError, match="no stream `t`"):
        apply_declarations(tmp_path / "n.ipynb", "t", "--key k")
