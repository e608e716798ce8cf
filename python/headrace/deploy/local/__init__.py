"""Services on this machine, kept running by supervisor."""

from headrace.deploy.local.target import LocalTarget

__all__ = ["LocalTarget"]
