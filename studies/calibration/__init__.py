"""How far the virtual board's cycle model is off: micro-benchmarks and whole images against their references."""
