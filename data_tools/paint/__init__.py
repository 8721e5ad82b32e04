"""Designs and garments painted onto people, with exact truth. Start at `designs.py`."""
