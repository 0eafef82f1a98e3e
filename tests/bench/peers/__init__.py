"""Peers: what others do with the same work, each at the best settings that we found."""
