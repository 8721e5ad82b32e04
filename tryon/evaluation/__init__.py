"""Figures of segmentation and try-on on data with known truth."""
