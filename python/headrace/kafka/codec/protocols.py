"""What every format's decoder and encoder do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from headrace.kafka.codec.decoded import Decoded
    from headrace.kafka.records import Records


class Decoder(Protocol):
    """Records to a frame of the pinned types."""

    def decode(self, records: Records) -> Decoded:
        """Decode n records; what one of them holds never raises.

        Raises:
            ClusterError: a schema registry is needed and does not answer; no record is at fault, trying again helps.
        """


class Encoder(Protocol):
    """Frames to record values."""

    def encode(self, frame: pd.DataFrame) -> Sequence[bytes]:
        """Return each of n rows as a value.

        Raises:
            EncodeError: rows that the format cannot hold.
            RefusedError: the columns changed to what the sink's schema may not become.
            ClusterError: a schema registry is needed and does not answer; trying again helps.
        """
