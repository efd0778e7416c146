"""The terminal: one rich console for what a person reads, on standard output."""

from rich.console import Console

console = Console(highlight=False)


def say(text: str, where: Console = console) -> None:
    """Print text as it is: no markup, and no line breaks of ours, so that paths can be copied."""
    where.print(text, markup=False, soft_wrap=True)
