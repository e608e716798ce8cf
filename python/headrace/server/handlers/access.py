"""Who may call a route: known to the server first, then allowed by its authorizer.

``authorized`` alone lets nobody in who is not known, but says 403 with a warning; ``authenticated`` alone bypasses
the authorizer; none of them answers everybody. So the two stand together here, in their order, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, cast

from jupyter_server.auth.decorator import authorized, ws_authenticated
from tornado import web

AUTH_RESOURCE = "headrace"
Action = Literal["read", "write", "execute"]
Method = TypeVar("Method", bound=Callable[..., Any])


class Protection(Protocol):
    """A decorator that leaves a method's type as it is."""

    def __call__(self, method: Method, /) -> Method:
        """Return the protected method."""


def access(action: Action) -> Protection:
    """Let a REST method be called by authenticated users who may ``action`` the resource ``headrace``."""

    def protect(method: Method, /) -> Method:
        return cast("Method", web.authenticated(_authorized(action, method)))

    return protect


def socket_access(action: Action) -> Protection:
    """Let a WebSocket be opened by authenticated users who may ``action`` the resource ``headrace``."""

    def protect(method: Method, /) -> Method:
        return cast("Method", ws_authenticated(_authorized(action, method)))

    return protect


def _authorized(action: Action, method: Callable[..., Any]) -> Any:  # noqa: ANN401 (jupyter_server leaves it untyped)
    decorate: Any = authorized(action, AUTH_RESOURCE)
    return decorate(method)
