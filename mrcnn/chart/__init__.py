"""Dense correspondence: the place of every garment pixel on one canonical tee."""
