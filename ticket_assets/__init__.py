"""The Dagster code location, in the order of the graph."""
