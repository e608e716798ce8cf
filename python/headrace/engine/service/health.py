"""The HTTP server of a service process: ``/metrics``, ``/healthz``, ``/status``, on loopback."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from headrace.engine.service.metrics import ServiceMetrics

SILENT_SECONDS = 60.0
"""After this long without a turn of its loop a service is not healthy."""

_LOOPBACK = ("127.0.0.1", "localhost")


class HealthServer:
    """Answers on a free port of 127.0.0.1, from a thread of its own.

    Args:
        metrics: what to answer with.
    """

    def __init__(self, metrics: ServiceMetrics) -> None:
        class Handler(_Handler):
            source = metrics

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    source: ServiceMetrics

    def do_GET(self) -> None:
        if self.headers.get("Host", "").rpartition(":")[0] not in _LOOPBACK:  # a page that rebinds its name
            self._answer(HTTPStatus.FORBIDDEN, b"", "text/plain")
        elif self.path == "/metrics":
            self._answer(HTTPStatus.OK, self.source.text(), CONTENT_TYPE_LATEST)
        elif self.path == "/status":
            self._answer(HTTPStatus.OK, orjson.dumps(self.source.status()), "application/json")
        elif self.path == "/healthz":
            self._health()
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def _health(self) -> None:
        silent = time.monotonic() - self.source.alive_at
        healthy = silent < SILENT_SECONDS and self.source.state in {"starting", "running"}
        content = {"state": self.source.state, "seconds_since_last_turn": round(silent, 1)}
        status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, orjson.dumps(content), "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's protocol
        """Leave the log to what the service does."""
