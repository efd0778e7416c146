"""A profile as a page that needs nothing else, and as a trace that the usual viewers open."""

from typing import Any

from generator.render import template_environment

MICROSECONDS = 1e6


def profile_html(data: dict[str, Any], hz: int) -> str:
    """Stacked bars per operator and bars per function; ``data`` as in ``profile.json``, with bench and board."""
    environment = template_environment()
    environment.autoescape = True
    return environment.get_template("profile.html.j2").render(
        data=data,
        milliseconds=data["cycles"] * 1e3 / hz,
        longest=max((step["cycles"] for step in data["steps"]), default=0) or 1,
        most=max(data["functions"].values(), default=0) or 1,
    )


def profile_trace(data: dict[str, Any], hz: int) -> dict[str, Any]:
    """The inference in Chrome's trace event format, complete events in microseconds; opens in Perfetto."""
    process = {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": f"{data['bench']} on {data['board']}"}}
    whole = _event(f"inference of {data['model']}", 0, data["cycles"], hz, {"timing": data["timing"]})
    steps = [
        _event(
            f"{step['operator']} {step['name']}",
            step["start"],
            step["cycles"],
            hz,
            {name: step[name] for name in ("kernel", "macs", "cycles", "stalled")},
        )
        for step in data["steps"]
    ]
    return {"displayTimeUnit": "ms", "traceEvents": [process, whole, *steps]}


def _event(name: str, start: int, cycles: int, hz: int, arguments: dict[str, Any]) -> dict[str, Any]:
    scale = MICROSECONDS / hz
    return {"name": name, "ph": "X", "pid": 1, "tid": 1, "ts": start * scale, "dur": cycles * scale, "args": arguments}
