"""Read a hub's folder of configuration, and report every fault in it at once."""

from hub.config.files import ConnectionFile, HubFile, schemas
from hub.config.load import BadConfig, Config, load
from hub.config.secrets import resolve

__all__ = [
    "BadConfig",
    "Config",
    "ConnectionFile",
    "HubFile",
    "load",
    "resolve",
    "schemas",
]
