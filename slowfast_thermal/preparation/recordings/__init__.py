"""Recordings of others: a reader a format, and what makes recordings of this project of all of them."""
