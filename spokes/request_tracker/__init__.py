"""Request Tracker: work orders."""
