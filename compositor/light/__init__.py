"""Light and colour: shading, base colour, relighting, repeating prints."""
