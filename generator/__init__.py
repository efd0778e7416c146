"""From a ``.tflite`` model to a firmware image: graph, lowered program, memory plan, rendered C, PlatformIO build."""
