"""The rules of customer service: which states follow which, and what follows from a change."""
