"""How fast single parts and the whole are."""
