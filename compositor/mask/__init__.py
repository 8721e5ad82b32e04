"""Masks: mask repair, occluders, soft mattes, cutouts, colours at soft edges."""
