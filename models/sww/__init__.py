"""Streaming wakeword: features and data."""
