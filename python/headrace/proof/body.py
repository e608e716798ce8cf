"""The digest of what a cell says; apart from the outputs', which takes pandas to make."""

from __future__ import annotations

import hashlib

from headrace.spec import StreamSpec


def body_digest(spec: StreamSpec, body: str) -> str:
    """Return the digest of what a cell says: its spec and its body, without how it is previewed.

    Args:
        spec: the spec of the cell's magic line.
        body: the cell's lines after the magic line; white space at the ends does not count.
    """
    text = spec.model_dump_json() + "\n" + "\n".join(line.rstrip() for line in body.strip().splitlines())
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
