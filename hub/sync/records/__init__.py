"""How a record changes, whoever asks: by what rule, on whose word, and what is kept of what lost."""
