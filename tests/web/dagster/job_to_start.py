"""A code location for the tests of Dagster's page: one job, started by nobody else."""

import dagster as dg


@dg.op
def say_hello() -> str:
    return "hello"


@dg.job
def greet() -> None:
    say_hello()


defs = dg.Definitions(jobs=[greet])
