"""Metrics of segmentation and try-on on data with ground truth."""
