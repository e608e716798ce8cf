"""The vocabulary: what a stream declares. Imports nothing else of Headrace but its errors."""

from headrace.spec.column_type import (
    COLUMN_TYPES,
    META_COLUMNS,
    NEVER_NULL_TYPES,
    TIME_TYPE,
    ColumnType,
    parse_column_type,
)
from headrace.spec.decorator import SPEC_ATTRIBUTE, stream
from headrace.spec.document import (
    DOCUMENT_NAME,
    Matching,
    ProofSummary,
    StreamDocument,
    parse_document,
    read_document,
    to_yaml,
)
from headrace.spec.durations import parse_duration
from headrace.spec.lookback import Lookback, parse_lookback
from headrace.spec.magic_line import (
    MagicLine,
    declarations,
    format_magic_line,
    parse_magic_line,
    parse_scalar,
    with_declarations,
)
from headrace.spec.options import OPTIONS, Option
from headrace.spec.preview_options import DEFAULT_SAMPLE, PreviewOptions
from headrace.spec.side_input import SideInput, parse_side_input
from headrace.spec.state import StateDeclaration, parse_state
from headrace.spec.stream import Delivery, Format, OnError, Scalar, StreamSpec
from headrace.spec.window import Window, WindowKind, parse_window

__all__ = [
    "COLUMN_TYPES",
    "DEFAULT_SAMPLE",
    "DOCUMENT_NAME",
    "META_COLUMNS",
    "NEVER_NULL_TYPES",
    "OPTIONS",
    "SPEC_ATTRIBUTE",
    "TIME_TYPE",
    "ColumnType",
    "Delivery",
    "Format",
    "Lookback",
    "MagicLine",
    "Matching",
    "OnError",
    "Option",
    "PreviewOptions",
    "ProofSummary",
    "Scalar",
    "SideInput",
    "StateDeclaration",
    "StreamDocument",
    "StreamSpec",
    "Window",
    "WindowKind",
    "declarations",
    "format_magic_line",
    "parse_column_type",
    "parse_document",
    "parse_duration",
    "parse_lookback",
    "parse_magic_line",
    "parse_scalar",
    "parse_side_input",
    "parse_state",
    "parse_window",
    "read_document",
    "stream",
    "to_yaml",
    "with_declarations",
]
