"""What happens: changes come in, records are amended, the others are told."""
