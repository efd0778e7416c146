"""The tasks of the command line: names, help texts, defaults. Each calls one function of another room."""
