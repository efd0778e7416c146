"""Visual wake words: data and recipe."""
