"""Send the links of a contact's orders to that contact.

Whoever asks learns nothing: the answer is the same for every contact, and a row is committed each
time, so that the time of the answer does not tell known and unknown contacts apart either.
"""

import hashlib
from datetime import datetime

from ticketing.events.model import Event
from ticketing.orders.buyer_contact import LINK_REQUEST_WINDOW, MAX_LINK_REQUESTS, TooManyCodes
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.buyer_input import parse_contact
from ticketing.selling.contacts import correction_queries, link_queries


def request_order_links(database: Database, event: Event, contact: str, *, at: datetime) -> None:
    """Send the orders of a contact in an event again; refuses an unusable contact.

    Refuses also, known or not, a contact that was asked for too often.
    """
    address = parse_contact(event, contact)
    digest = hashlib.sha256(f"{event.id} {address}".encode()).digest()
    with database.transaction() as connection:
        correction_queries.lock_contact(connection, address)
        since = at - LINK_REQUEST_WINDOW
        if link_queries.count_requests(connection, digest, since=since) >= MAX_LINK_REQUESTS:
            raise TooManyCodes("this contact was asked for too often within an hour; wait")
        link_queries.insert_request(connection, digest, at=at)
        link_queries.enqueue_links_if_known(connection, event.id, event.slug, address)
