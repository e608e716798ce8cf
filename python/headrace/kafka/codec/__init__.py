"""Bytes to frames of pinned types, and frames to bytes: one package a format."""

from headrace.kafka.codec.decoded import Decoded, RecordFailure
from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.keys import KeyDecoder, decode_keys
from headrace.kafka.codec.making import make_decoder, make_encoder
from headrace.kafka.codec.protocols import Decoder, Encoder
from headrace.kafka.codec.tombstone import TombstoneError

__all__ = [
    "Decoded",
    "Decoder",
    "EncodeError",
    "Encoder",
    "KeyDecoder",
    "RecordFailure",
    "TombstoneError",
    "decode_keys",
    "make_decoder",
    "make_encoder",
]
