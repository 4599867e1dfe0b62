"""The asset of people's data: what the retention rules erased is its evidence."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.partitions import asset
from ticket_assets.retries import run_attempt
from ticketing.people_data.apply_retention import Retention
from ticketing.people_data.stored_files import CopyFolders
from ticketing.platform.application import Application


class PeopleRetentionConfig(dg.Config):
    """Options of retention."""

    preview: bool = Field(default=False, description="Only count; erase nothing.")


@asset(group_name="people", code=["ticketing.people_data"], kinds={"postgres"})
def people_retention(
    context: dg.AssetExecutionContext,
    config: PeopleRetentionConfig,
    application: dg.ResourceParam[Application],
) -> dg.MaterializeResult:
    """People's data erased by the retention rules: which class of fields, of which event, by when.

    Without a rule nothing is erased. The audit log has an entry for each chunk of rows.
    """
    at = datetime.now(UTC)
    with run_attempt(context):
        folders = CopyFolders.of(application.settings)
        done = Retention(application.database, folders, at, ACTOR, config.preview).apply()
    rows = [(one.field_class, one.event, one.days, one.rows, one.waiting_orders) for one in done]
    return dg.MaterializeResult(
        metadata={
            **metadata.row_count(len(rows)),
            "preview": config.preview,
            "rows": sum(one.rows for one in done),
            "rules applied": metadata.markdown_table(
                ["class", "event", "kept days", "rows", "unfinished orders"], rows, total=len(rows)
            ),
        }
    )
