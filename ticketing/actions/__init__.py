"""What the box office does: one verb a module, each safe to repeat."""
