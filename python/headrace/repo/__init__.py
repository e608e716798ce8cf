"""The repository side: a notebook's stream becomes a tested folder, and a commit that touches nothing else."""
