"""The report: all comparisons together."""

from collections.abc import Iterator

from chaos import message_invariants, payment_invariants, voucher_invariants
from chaos.buyers import BuyerPool
from chaos.environment import FOREIGN_USER, SimulatedEnvironment
from chaos.leaks import find_leaks, log_files, read_dagster_log
from chaos.processes import ProcessManager
from chaos.voucher_invariants import VoucherSnapshot
from ticketing.crypto.keyring import KeyRing


def build_report(
    processes: ProcessManager, environment: SimulatedEnvironment, buyers: BuyerPool
) -> dict[str, object]:
    """Return the figures and `offences`, the list of all violations."""
    database, documents = processes.application.database, processes.application.settings.documents
    sold = payment_invariants.read_snapshot(database, buyers.offer.events)
    payments = environment.midtrans.bank.payments()
    made = voucher_invariants.read_snapshot(
        database, processes.application.get(KeyRing).installation_id
    )
    shelves = {name: router.users() for name, router in environment.routers.items()}
    messages, accepted_messages = (
        message_invariants.read_snapshot(database),
        message_invariants.list_accepted(environment),
    )
    offences = [
        *payment_invariants.find_violations(
            sold, payments, confirmed_order_ids=buyers.confirmed_order_ids, documents=documents
        ),
        *voucher_invariants.find_violations(made, shelves, FOREIGN_USER),
        *message_invariants.find_violations(messages, accepted_messages),
        *find_leaks(_iter_logs(processes), _iter_secrets(environment, made)),
    ]
    return {
        **payment_invariants.summarise(sold, payments),
        **voucher_invariants.summarise(made, shelves.values()),
        **message_invariants.summarise(messages, accepted_messages),
        "offences": sorted(offences),
    }


def _iter_logs(processes: ProcessManager) -> Iterator[tuple[str, bytes]]:
    for path in log_files(processes.folder):
        yield str(path.relative_to(processes.folder)), path.read_bytes()
    yield "Dagster's database", read_dagster_log(processes.application)


def _iter_secrets(environment: SimulatedEnvironment, vouchers: VoucherSnapshot) -> Iterator[str]:
    yield from map(environment.password_of, environment.routers)
    for row in vouchers.rows:
        yield from (row.name, row.password)
