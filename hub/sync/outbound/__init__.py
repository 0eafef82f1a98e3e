"""From the inside out: records, entries and files are written to external systems."""
