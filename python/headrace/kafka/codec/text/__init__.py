"""Formats without a schema of their own: lines of CSV, whole texts, whole bytes."""

from headrace.kafka.codec.text.csv import CsvDecoder
from headrace.kafka.codec.text.whole import BytesDecoder, StringDecoder

__all__ = ["BytesDecoder", "CsvDecoder", "StringDecoder"]
