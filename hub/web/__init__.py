"""How the outside reaches us: webhooks, the admin API, and the two questions of a supervisor."""

from hub.web.site import create

__all__ = ["create"]
