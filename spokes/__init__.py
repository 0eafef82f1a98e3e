"""The external systems that a hub can talk to; each package is a stranger to the others."""
