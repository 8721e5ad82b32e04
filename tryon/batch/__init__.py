"""Many pairs: resumable batches with a manifest and a report. Start at `run.py`."""
