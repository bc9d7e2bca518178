"""The HTML page of a search."""

from caseindex.retrieval.page.render import ShownHit, render_page

__all__ = ["ShownHit", "render_page"]
