"""From frames as they arrive to events that someone can act on. Nothing here needs torch."""
