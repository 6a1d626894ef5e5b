"""Annotations of others: a file a format, which gives what it holds as `images.AnnotatedFrame`s."""
