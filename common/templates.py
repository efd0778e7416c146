"""Jinja templates below ``templates/``: undefined names are errors, statements leave no blank lines."""

import jinja2

from common.paths import TEMPLATES


def template_environment(*, html: bool = False) -> jinja2.Environment:
    """``html``: texts are escaped for HTML, else they go in as they are."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=html,
    )
