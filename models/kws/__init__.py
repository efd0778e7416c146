"""Keyword spotting: features, data, recipe."""
