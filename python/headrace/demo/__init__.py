"""The demo: the notebook, and the project folder it is put into."""
