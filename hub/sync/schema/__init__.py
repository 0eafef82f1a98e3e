"""What the records of a stream look like, and what is done when that changes."""
