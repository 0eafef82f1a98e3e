"""Dataverse without Dataverse: its Web API on loopback, as strict as the real one."""

from spokes.dynamics365.sandbox.vendor import Dynamics365Sandbox

__all__ = ["Dynamics365Sandbox"]
