"""What surrounds the engine in a service process: records in, outputs out, and what can be seen of it."""
