"""Anomaly detection: synthetic machine sounds, log-mel features, the autoencoder and its training."""
