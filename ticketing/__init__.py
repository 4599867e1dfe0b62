"""The box office: who is owed a ticket, its making and its delivery. Knows nothing of Dagster."""
