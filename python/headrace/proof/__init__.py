"""The proof: what a cell does to a sample, and whether a stream would do the same. Knows nothing of IPython."""
