"""The cycle model: decoding of Thumb-2 code, static costs of basic blocks, caches, native hooks that charge them."""
