"""Statement of differences after a sync: what changed, arrears by class, age of the records."""
