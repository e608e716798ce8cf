"""From a schema in a registry to Protobuf's own descriptors.

Registries keep a ``.proto`` file's text, or a ``FileDescriptorProto`` in base64. Text is compiled by ``protoc`` (the
package grpcio-tools has it), as a process of its own, once a schema.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError as ProtobufError

from headrace.errors import DecodeError, ToolError
from headrace.kafka.registry import Schema

_SECONDS = 60
_ROOT = "headrace_schema.proto"
_WELL_KNOWN = ("any", "api", "descriptor", "duration", "empty", "field_mask", "source_context", "struct", "timestamp")
_WELL_KNOWN_FILES = {f"google/protobuf/{name}.proto": f"{name}_pb2" for name in (*_WELL_KNOWN, "type", "wrappers")}

File = descriptor_pb2.FileDescriptorProto


def file_of(schema: Schema) -> FileDescriptor:
    """Return the file that a schema is, in a pool of its own.

    Raises:
        DecodeError: it is not a Protobuf schema, or names a file that is not there.
        ToolError: the compiler is not installed.
    """
    files = {name: _parsed(name, reference) for name, reference in schema.references}
    root = _parsed(_ROOT, schema)
    if root is None or None in files.values():
        compiled = _compile(schema, {name: file for name, file in files.items() if file is not None})
    else:
        compiled = {name: file for name, file in files.items() if file is not None}
        compiled[_ROOT] = root
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in _in_order(compiled, _ROOT, set()):
            pool.Add(file)
        return pool.FindFileByName(_ROOT)
    except (TypeError, KeyError) as error:
        message = f"The schema is not one of Protobuf that can be read: {error}."
        raise DecodeError(message, hint="Correct the schema in the registry.") from error


def _parsed(name: str, schema: Schema) -> File | None:
    """Return the file of a schema in base64, under a name; ``None`` when it is text."""
    try:
        file = File.FromString(base64.b64decode(schema.text.strip(), validate=True))
    except (binascii.Error, ValueError, ProtobufError):
        return None
    file.name = name
    return file


def _in_order(files: dict[str, File], name: str, seen: set[str]) -> Iterator[File]:
    """Yield a file after those that it needs."""
    if name in seen:
        return
    seen.add(name)
    file = files.get(name) or _well_known(name)
    for needed in file.dependency:
        yield from _in_order(files, needed, seen)
    yield file


def _well_known(name: str) -> File:
    if name not in _WELL_KNOWN_FILES:
        message = f"The schema imports `{name}`, which the registry does not name among its references."
        raise DecodeError(message, hint="Register the schema with its references.")
    module = importlib.import_module(f"google.protobuf.{_WELL_KNOWN_FILES[name]}")
    return File.FromString(module.DESCRIPTOR.serialized_pb)


def _compile(schema: Schema, ready: dict[str, File]) -> dict[str, File]:
    """Compile a text and those that it names, except what is ready (a text cannot be made of that)."""
    with tempfile.TemporaryDirectory(prefix="headrace-") as name:
        folder = Path(name)
        for path, reference in schema.references:
            if path not in ready:
                _write(folder, path, reference)
        (folder / _ROOT).write_text(schema.text, encoding="utf-8")
        output, given = folder / "compiled", folder / "given"
        words = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={folder}", "--include_imports"]
        words += [f"--descriptor_set_out={output}", _ROOT]
        if ready:
            known = {file.name: file for name in ready for file in _in_order(ready, name, set())}
            given.write_bytes(descriptor_pb2.FileDescriptorSet(file=known.values()).SerializeToString())
            words.append(f"--descriptor_set_in={given}")
        ended = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if "No module named" in ended.stderr:
            message = "Reading Protobuf schemas needs the package grpcio-tools, which is not installed."
            raise ToolError(message, hint='Run: pip install "headrace[registry]".')
        if ended.returncode:
            message = f"The schema is not one of Protobuf that can be read: {ended.stderr.strip()}."
            raise DecodeError(message, hint="Correct the schema in the registry.")
        found = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    return {file.name: file for file in found.file}


def _write(folder: Path, name: str, schema: Schema) -> None:
    """Write the text of a file that another imports; its name comes from the registry and must stay in the folder."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not name.endswith(".proto") or name == _ROOT:
        message = f"The schema names a file `{name}`, which is not the name of one beside it."
        raise DecodeError(message, hint="Correct the references in the registry.")
    path = folder / pure
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema.text, encoding="utf-8")
