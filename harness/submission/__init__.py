"""Submissions to MLPerf Tiny: writing the tree of one, and checking any."""
