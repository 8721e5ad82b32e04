"""Training of every network. Start at `run.py` and `pattern.py`."""
