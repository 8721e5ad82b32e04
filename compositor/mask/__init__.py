"""Masks: repair, occluders, soft mattes, cutouts and foreground colours."""
