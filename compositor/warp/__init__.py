"""Warps: matched points, thin-plate splines, drawing. Start at `warp.py`."""
