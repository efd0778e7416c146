"""The runtime ``tflm``: the model as it is, run by TensorFlow Lite Micro's interpreter from a PlatformIO library."""
