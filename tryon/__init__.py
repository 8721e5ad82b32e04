"""Virtual try-on: two raw photos in, one photo out. Start reading at `pipeline.py`."""

__version__ = "0.1.0"
