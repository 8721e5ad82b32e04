"""The page and the API of `tryon serve`. Start at `app.py`."""
