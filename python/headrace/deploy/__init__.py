"""Deploying a committed stream as a service, and looking after services."""
