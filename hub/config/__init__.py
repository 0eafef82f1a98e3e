"""Read a hub's folder of configuration, and report every fault in it at once."""

from hub.config.faults import BadConfig
from hub.config.files import ConnectionFile, HubFile, schemas
from hub.config.load import Config, load

__all__ = [
    "BadConfig",
    "Config",
    "ConnectionFile",
    "HubFile",
    "load",
    "schemas",
]
