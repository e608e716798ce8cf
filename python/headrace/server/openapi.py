"""The OpenAPI document of the routes, made from the models that the server validates with.

``python -m headrace.server.openapi`` writes ``openapi.yaml`` beside this file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from headrace.deploy.status import ServiceStatus
from headrace.proof.preview_model import Preview
from headrace.repo.commit import CommitResult
from headrace.server import models

DOCUMENT = Path(__file__).with_name("openapi.yaml")

_Parameters = dict[str, tuple[str, dict[str, Any]]]
_TEXT: dict[str, Any] = {"type": "string"}
_CLUSTER = ("A cluster's name or HOST:PORT; else the project's default.", _TEXT)
_NOTEBOOK = ("A notebook's path, as the contents service names it.", _TEXT)
_ERRORS = {
    "4XX": "400 wrong words, 401 or 403 not authenticated or not allowed, 404 missing, 409 understood and refused.",
    "5XX": "502 the cluster, Git or supervisor failed; 500 a defect of the server.",
}
_SHARED: tuple[type[BaseModel], ...] = (
    models.CommitRequest,
    models.DeployRequest,
    models.DeclareRequest,
    models.Magic,
    models.SubscribeRequest,
    models.Problem,
    models.Topics,
    models.RecordList,
    models.StreamList,
    models.ServiceList,
    models.LogLines,
    models.ServicesMessage,
    models.TopicsMessage,
    models.ErrorMessage,
    ServiceStatus,
    Preview,
    CommitResult,
)


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all routes."""
    _, schema = models_json_schema(
        [(model, "serialization") for model in _SHARED], ref_template="#/components/schemas/{model}"
    )
    count = ("How many.", {"type": "integer", "minimum": 1})
    service = ServiceStatus
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace",
            "version": "1",
            "description": "The server extension's routes under the Jupyter server's base URL. The WebSocket "
            "/headrace/feed takes SubscribeRequest and sends ServicesMessage, TopicsMessage and ErrorMessage.",
        },
        "security": [{"token": []}],
        "paths": {
            "/headrace/topics": {
                "get": _operation("Topics of a cluster", models.Topics, {"cluster": _CLUSTER, "notebook": _NOTEBOOK})
            },
            "/headrace/topics/{name}/records": {
                "get": _operation(
                    "Newest records of a topic",
                    models.RecordList,
                    {"limit": count, "cluster": _CLUSTER, "notebook": _NOTEBOOK},
                    name="name",
                )
            },
            "/headrace/streams": {
                "get": _operation("Streams of a notebook", models.StreamList, {"notebook": _NOTEBOOK})
            },
            "/headrace/declare": {
                "post": _operation("Put options into a magic line", models.Magic, body=models.DeclareRequest)
            },
            "/headrace/previews/{id}": {"get": _operation("A preview with its values", Preview, name="id")},
            "/headrace/commit": {
                "post": _operation("Commit a notebook's stream", CommitResult, body=models.CommitRequest)
            },
            "/headrace/deploy": {"post": _operation("Deploy a committed stream", service, body=models.DeployRequest)},
            "/headrace/services": {"get": _operation("Services", models.ServiceList, {"cluster": _CLUSTER})},
            "/headrace/services/{name}/start": {"post": _operation("Start a service", service, name="name")},
            "/headrace/services/{name}/stop": {"post": _operation("Stop a service", service, name="name")},
            "/headrace/services/{name}/logs": {
                "get": _operation("End of a service's log", models.LogLines, {"lines": count}, name="name")
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
            "responses": {
                status: {"description": meaning, "content": _content(models.Problem)}
                for status, meaning in _ERRORS.items()
            },
            "schemas": _plain(schema["$defs"]),
        },
    }


def _plain(schema: Any) -> Any:  # noqa: ANN401 (a tree of JSON)
    """Return ``schema`` without the titles that pydantic makes from names, and with its texts as one line each."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _plain(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split("Attributes:")[0].split())
    return kept


def text() -> str:
    """Return the document as YAML."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.default_flow_style = None  # short collections on one line each
    yaml.representer.ignore_aliases = lambda *_: True
    yaml.dump(_in_lines(document()), stream)
    return stream.getvalue()


def _in_lines(tree: Any, *, one_line: bool = False) -> Any:  # noqa: ANN401 (a tree of JSON)
    """Return ``tree`` with a line for each parameter, property and body, however deep they are."""
    if isinstance(tree, list):
        items = CommentedSeq(_in_lines(item, one_line=one_line) for item in tree)
        if one_line:
            items.fa.set_flow_style()
        return items
    if not isinstance(tree, dict):
        return tree
    mapping = CommentedMap()
    for key, value in tree.items():
        mapping[key] = _in_lines(value, one_line=one_line or key == "content")
        if key in {"properties", "parameters", "responses"} and not one_line:
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            for part, schema in parts:
                mapping[key][part] = _in_lines(schema, one_line=True)
    if one_line:
        mapping.fa.set_flow_style()
    return mapping


def _operation(
    summary: str,
    answer: type[BaseModel],
    query: _Parameters | None = None,
    *,
    name: str | None = None,
    body: type[BaseModel] | None = None,
) -> dict[str, Any]:
    parameters = [
        {"name": key, "in": "query", "required": False, "description": description, "schema": dict(schema)}
        for key, (description, schema) in (query or {}).items()
    ]
    if name:
        parameters.insert(0, {"name": name, "in": "path", "required": True, "schema": dict(_TEXT)})
    operation: dict[str, Any] = {"summary": summary, "parameters": parameters}
    if body:
        operation["requestBody"] = {"required": True, "content": _content(body)}
    failures = {status: {"$ref": f"#/components/responses/{status}"} for status in _ERRORS}
    return operation | {"responses": {"200": {"description": summary, "content": _content(answer)}, **failures}}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
