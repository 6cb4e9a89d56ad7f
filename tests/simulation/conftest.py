"""Scenarios run in loops of their own."""
