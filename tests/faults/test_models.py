"""Archives that are hostile, damaged or cannot be loaded: refused in a sentence, while the others are answered."""
