"""Augmentation of annotated photos for training. Start at `views.py`."""
