"""Tryton: parties and sales."""
