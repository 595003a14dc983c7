"""What a browser may load for a page of the report: files of the same site, and nothing from anywhere else.

The server sends these policies with every answer, and each page holds its own, for whoever opens it from disk or from
a store whose headers are not ours.
"""

from __future__ import annotations

from markupsafe import Markup, escape

EVIDENTLY = "evidently.html"
_NOTHING_ELSE = "base-uri 'none'; form-action 'none'"
# Plotly makes its own style.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"{_NOTHING_ELSE}"
)
# One file with all its scripts in it, not of our writing: they run, and reach nobody.
EVIDENTLY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    f"img-src data: blob:; font-src data:; {_NOTHING_ELSE}"
)
# On disk not every browser takes the files beside a page for the page's own.
_PAGE_POLICY_ON_DISK = PAGE_POLICY.replace("'self'", "'self' file:")


def choose_policy(name: str) -> str:
    """The policy to send with a file of the site."""
    return EVIDENTLY_POLICY if name == EVIDENTLY else PAGE_POLICY


def embed_policy(policy: str = _PAGE_POLICY_ON_DISK) -> Markup:
    """The policy as an element of a page's head."""
    return Markup('<meta http-equiv="Content-Security-Policy" content="{}">').format(escape(policy))


def restrict_evidently(html: str) -> str:
    """Evidently's report with its policy in its head."""
    return html.replace("<head>", f"<head>{embed_policy(EVIDENTLY_POLICY)}", 1)
