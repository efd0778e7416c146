"""The streaming wakeword benchmark's run: sound frame by frame over the serial line, detections, score, times."""

from harness.wakeword.run import run_wakeword

__all__ = ["run_wakeword"]
