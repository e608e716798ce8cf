"""JSON: one object a record."""

from headrace.kafka.codec.json.decoded import Decoded, RecordFailure
from headrace.kafka.codec.json.decoder import JsonDecoder
from headrace.kafka.codec.json.encode_error import EncodeError
from headrace.kafka.codec.json.encoder import JsonEncoder

__all__ = ["Decoded", "EncodeError", "JsonDecoder", "JsonEncoder", "RecordFailure"]
