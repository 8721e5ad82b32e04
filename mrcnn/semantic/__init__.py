"""Semantic segmentation of clothes: what a person wears, by pixel and by class."""
