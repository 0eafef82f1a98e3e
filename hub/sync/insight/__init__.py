"""What would happen, and why it is as it is; nothing is changed by asking."""
