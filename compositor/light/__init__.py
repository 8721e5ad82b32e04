"""Light: classical shading, relighting, base colour, repetition, colour measures."""
