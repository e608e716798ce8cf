"""What all REST handlers share: authorization's resource, work off the event loop, and errors as HTTP statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from jupyter_server.base.handlers import APIHandler
from pydantic import BaseModel, ValidationError
from tornado.web import HTTPError

from headrace.errors import HeadraceError, UsageError
from headrace.kafka.clusters import Cluster, resolve_cluster
from headrace.server.handlers.access import AUTH_RESOURCE
from headrace.server.models import Problem
from headrace.server.paths import notebook_file
from headrace.server.statuses import status_of
from headrace.spec.stream import check_topic_name

Given = ParamSpec("Given")
Result = TypeVar("Result")
Body = TypeVar("Body", bound=BaseModel)


class HeadraceHandler(APIHandler):
    """A route of the extension. Every method has its :func:`~headrace.server.handlers.access.access`."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, pool: Executor, root: Path) -> None:
        """Take the collaborators that the application hands to every handler.

        Args:
            pool: threads for work that blocks.
            root: the folder that the Jupyter server serves.
        """
        self._pool = pool
        self._root = root

    async def work(self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Return what ``function`` returns, called in a thread, so that the server goes on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    def answer(self, model: BaseModel) -> None:
        """Send ``model`` as JSON."""
        self.finish(model.model_dump_json())

    def body(self, model: type[Body]) -> Body:
        """Return the request's JSON body.

        Raises:
            UsageError: it is not JSON, or a field is wrong; the message names it.
        """
        try:
            return model.model_validate_json(self.request.body)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            message = f"{place or 'The body'}: {problem['msg'].removeprefix('Value error, ')}."
            raise UsageError(message, hint="The routes and their bodies are described in openapi.yaml.") from None

    def number(self, name: str, default: int, most: int) -> int:
        """Return the whole number of the query argument ``name``, from 1 to ``most``.

        Raises:
            UsageError: it is none.
        """
        text = self.get_query_argument(name, str(default))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            message = f"`{name}={text}` is not a number from 1 to {most}."
            raise UsageError(message)
        return int(text)

    def notebook(self, path: str) -> Path:
        """Return the file of the notebook ``path``; see :func:`headrace.server.paths.notebook_file`."""
        return notebook_file(self._root, path)

    def cluster(self) -> Cluster:
        """Return the cluster that ``?cluster=`` names, else the default as seen from ``?notebook=`` or the root.

        Raises:
            MissingClusterError: there is none.
            UnsafeSettingError: its definition has a setting outside the allow-list.
        """
        notebook = self.get_query_argument("notebook", None)
        start = self.notebook(notebook).parent if notebook else self._root
        return resolve_cluster(self.get_query_argument("cluster", None), start)

    def topic(self, name: str) -> str:
        """Return ``name`` when it can be a topic's.

        Raises:
            UsageError: it cannot.
        """
        try:
            return check_topic_name(name)
        except ValueError as error:
            message = f"{error}."
            raise UsageError(message) from None

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401 (tornado's signature)
        """Send ``{"message", "hint"}`` with the status that the error stands for."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, HeadraceError):
            self.set_status(status_of(error))
            self.answer(Problem(message=error.message, hint=error.hint))
        elif isinstance(error, HTTPError):
            self.answer(Problem(message=error.log_message or self._reason, hint=""))
        else:
            self.set_status(status_code)
            self.answer(Problem(message="The server failed.", hint="Its log says more."))

    def log_exception(self, *exc_info: Any) -> None:  # noqa: ANN401 (tornado's signature)
        """Log what Headrace refuses on purpose in one line, everything else with its traceback."""
        error = exc_info[1]
        if isinstance(error, HeadraceError):
            self.log.info("%s %s: %s", self.request.method, self.request.path, error)
        else:
            super().log_exception(*exc_info)
