"""Designs and garments painted into photos, with exact labels. Start at `designs.py`."""
