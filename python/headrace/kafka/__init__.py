"""Clusters and secrets, topics, samples, codecs and the local broker. Knows nothing of streams being run."""
