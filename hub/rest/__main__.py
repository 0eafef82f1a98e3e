"""Writes the JSON Schema for editors: `python -m hub.rest > spokes/spoke.schema.json`."""

import json
import sys

from hub.rest.schema import schema

sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
