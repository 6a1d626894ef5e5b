"""The page on which a watch is seen: what it remembers, what it reads, and who serves it."""
