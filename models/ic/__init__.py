"""Image classification: data and recipe."""
