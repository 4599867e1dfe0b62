"""Start batches from the console: missing tickets of an event, and what a batch did not do."""

import re
from collections.abc import Mapping

from ticketing.events.queries import get_event
from ticketing.platform.http.errors import Busy
from ticketing.platform.http.services import Services, now
from ticketing.tickets.batches.api import BATCH_ID_PATTERN, CHUNK
from ticketing.tickets.batches.generation_queue import BatchPriority, TicketGenerationQueue
from ticketing.tickets.batches.retry import retry_batch
from ticketing.tickets.batches.service import AcceptedBatch, accept_batch
from ticketing.tickets.generate import GenerationRequest


def start_missing(services: Services, event: str, fields: Mapping[str, str], *, by: str) -> str:
    """Generate the missing tickets of an event in the background; return the key of the batch."""
    request = _request(fields.get("key", ""), by=by)
    _require_room(services)
    known = get_event(services.database, event)
    accepted = accept_batch(services.database, known, request, priority=BatchPriority.HIGH)
    return _enqueue(services, accepted, BatchPriority.HIGH)


def start_retry(services: Services, batch_key: str, new_key: str, *, by: str) -> str:
    """Retry a batch in the background; return the key of the batch that does it."""
    request = _request(new_key, by=by)
    _require_room(services)
    accepted = retry_batch(services.database, batch_key, request, priority=BatchPriority.NORMAL)
    return _enqueue(services, accepted, BatchPriority.NORMAL)


def _request(key: str, *, by: str) -> GenerationRequest:
    known_key = key if re.fullmatch(BATCH_ID_PATTERN, key) else None
    return GenerationRequest(by=by, at=now(), key=known_key, chunk=CHUNK)


def _require_room(services: Services) -> None:
    if services.get(TicketGenerationQueue).is_full:
        raise Busy("too many batches are waiting; retry when some are completed", retryAfter=30)


def _enqueue(services: Services, accepted: AcceptedBatch, priority: BatchPriority) -> str:
    if accepted.request is not None:
        event = get_event(services.database, str(accepted.batch.event_id))
        services.get(TicketGenerationQueue).enqueue(event, accepted, priority)
    return accepted.batch.batch_key
