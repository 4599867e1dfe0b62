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
    """Return the figures and `violations`, the list of all violations."""
    database, documents = processes.application.database, processes.application.settings.documents
    orders = payment_invariants.read_snapshot(database, buyers.offer.events)
    payments = environment.midtrans.bank.payments()
    vouchers = voucher_invariants.read_snapshot(
        database, processes.application.get(KeyRing).installation_id
    )
    hotspot_users = {name: router.users() for name, router in environment.routers.items()}
    messages, accepted_messages = (
        message_invariants.read_snapshot(database),
        message_invariants.list_accepted(environment),
    )
    violations = [
        *payment_invariants.find_violations(
            orders, payments, confirmed_order_ids=buyers.confirmed_order_ids, documents=documents
        ),
        *voucher_invariants.find_violations(vouchers, hotspot_users, FOREIGN_USER),
        *message_invariants.find_violations(messages, accepted_messages),
        *find_leaks(_iter_logs(processes), _iter_secrets(environment, vouchers)),
    ]
    return {
        **payment_invariants.summarise(orders, payments),
        **voucher_invariants.summarise(vouchers, hotspot_users.values()),
        **message_invariants.summarise(messages, accepted_messages),
        "violations": sorted(violations),
    }


def _iter_logs(processes: ProcessManager) -> Iterator[tuple[str, bytes]]:
    for path in log_files(processes.folder):
        yield str(path.relative_to(processes.folder)), path.read_bytes()
    yield "Dagster's database", read_dagster_log(processes.application)


def _iter_secrets(environment: SimulatedEnvironment, vouchers: VoucherSnapshot) -> Iterator[str]:
    yield from map(environment.password_of, environment.routers)
    for row in vouchers.rows:
        yield from (row.name, row.password)
