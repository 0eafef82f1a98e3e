"""What makes adding a spoke a pleasure: drafts of new ones, their level, and what ails a connection."""
