"""The terminal: one rich console for what a person reads, on standard output."""

from rich.console import Console

console = Console(highlight=False)
