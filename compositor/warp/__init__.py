"""Warps from the user's garment to the shop picture. Start at `warp.py`."""
