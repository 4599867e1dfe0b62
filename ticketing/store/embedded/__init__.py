"""A real PostgreSQL from a wheel: started on need, stopped by the last who uses it."""
