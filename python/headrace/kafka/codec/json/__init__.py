"""JSON: one object a record, or an array of objects."""

from headrace.kafka.codec.decoded import Decoded, RecordFailure
from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.json.decoder import JsonDecoder
from headrace.kafka.codec.json.encoder import JsonEncoder

__all__ = ["Decoded", "EncodeError", "JsonDecoder", "JsonEncoder", "RecordFailure"]
