"""The benchmark models: how each is made, what is shipped, and where the reference models come from."""
