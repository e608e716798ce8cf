"""The engine: frame in, rows and their provenance out, and the service around it. Knows nothing of Jupyter or Git."""
