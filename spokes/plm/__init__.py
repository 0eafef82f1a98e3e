"""PLM: parts and their defects, of the group's own product development."""
