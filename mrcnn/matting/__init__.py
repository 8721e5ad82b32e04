"""Image matting guided by a mask: the soft edge of a garment, beside hair or fingers."""
