"""Which schema registry a cluster's topics have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from headrace.errors import UsageError
from headrace.kafka.allow_list import check_registry_url
from headrace.kafka.registry.client import Registry
from headrace.kafka.secrets import read_reference

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster

REGISTRY_VARIABLE = "HEADRACE_REGISTRY"


def registry_of(cluster: Cluster) -> Registry:
    """Return the registry of a cluster: ``$HEADRACE_REGISTRY``, else its setting ``schema.registry.url``.

    ``schema.registry.basic.auth.user.info`` refers to ``USER:PASSWORD``, for either.

    Raises:
        UsageError: neither names one, or the variable is not a URL.
        SecretError: the reference to the password leads nowhere.
    """
    url = os.environ.get(REGISTRY_VARIABLE) or str(cluster.settings.get("schema.registry.url", ""))
    if not url:
        message = f"The cluster `{cluster.name}` names no schema registry."
        hint = (
            "The formats avro, protobuf and jsonschema need one: write `schema.registry.url` into the cluster's "
            f"settings, or set {REGISTRY_VARIABLE}."
        )
        raise UsageError(message, hint=hint)
    check_registry_url(cluster.name, url)
    reference = cluster.settings.get("schema.registry.basic.auth.user.info")
    return Registry(url, user_info=None if reference is None else read_reference(str(reference)))
