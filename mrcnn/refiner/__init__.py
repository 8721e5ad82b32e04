"""Second stage of the cascade: mask, class and landmarks of one detected garment."""
