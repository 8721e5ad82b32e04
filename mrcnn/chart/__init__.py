"""Dense correspondence: UV coordinates of every garment pixel on a canonical tee."""
