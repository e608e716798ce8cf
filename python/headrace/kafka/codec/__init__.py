"""Bytes to frames of pinned types, and frames to bytes: one package a format."""
