"""Fetch pictures from the web, politely and within limits. Start at `run.py`."""
