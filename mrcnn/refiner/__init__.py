"""Second stage of the cascade: outline, class and landmarks of one garment."""
