"""The composition root: every asset, check, job, sensor and schedule, and what they are given."""

from collections.abc import Mapping

import dagster as dg

import resources
from schedules.document_retention import document_retention_nightly
from schedules.missing_tickets import issue_what_is_missing
from sensors.check_failures import check_failures
from sensors.csv_drop import csv_drop
from sensors.new_events import new_events
from sensors.run_failures import run_failures
from ticket_assets.checks import CHECKS
from ticket_assets.documents import ticket_pdfs
from ticket_assets.jobs import examine_event, import_roster, issue_event_tickets
from ticket_assets.reports import generation_report
from ticket_assets.retention import document_retention
from ticket_assets.roster import attendees
from ticket_assets.tickets import missing_tickets, tickets


def build_definitions(handles: Mapping[str, object]) -> dg.Definitions:
    """Everything, with these resources. Tests hand in their own."""
    return dg.Definitions(
        assets=[attendees, missing_tickets, tickets, ticket_pdfs, generation_report],
        asset_checks=CHECKS,
        jobs=[issue_event_tickets, import_roster, examine_event, document_retention],
        sensors=[new_events, csv_drop, run_failures, check_failures],
        schedules=[issue_what_is_missing, document_retention_nightly],
        resources=dict(handles),
        # for runs started from an asset's own page, too: a process a step costs seconds
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    return build_definitions(resources.from_environment())
