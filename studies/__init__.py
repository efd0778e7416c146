"""What is compared and searched over many builds and runs."""
