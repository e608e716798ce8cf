"""``GET /headrace/streams``, ``GET /headrace/previews/ID`` and ``POST /headrace/declare``."""

from __future__ import annotations

from headrace.proof import previews
from headrace.server.handlers.access import access
from headrace.server.handlers.base import HeadraceHandler
from headrace.server.models import DeclareRequest, Magic
from headrace.server.streams import list_streams
from headrace.spec import with_declarations


class StreamsHandler(HeadraceHandler):
    """The streams of a notebook."""

    @access("read")
    async def get(self) -> None:
        """Send the streams of ``notebook`` as its file has them."""
        notebook = self.notebook(self.get_query_argument("notebook"))
        self.answer(await self.work(list_streams, notebook))


class PreviewHandler(HeadraceHandler):
    """A stored preview with its values."""

    @access("read")
    async def get(self, preview_id: str) -> None:
        """Send the preview."""
        self.answer(await self.work(previews.load, preview_id))


class DeclareHandler(HeadraceHandler):
    """Edits the text of a magic line; the notebook is the front end's."""

    @access("write")
    async def post(self) -> None:
        """Send the line with the options in it."""
        asked = self.body(DeclareRequest)
        self.answer(Magic(magic=with_declarations(asked.magic, asked.options)))
