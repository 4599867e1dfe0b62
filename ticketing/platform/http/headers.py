"""Response headers used by several APIs."""
