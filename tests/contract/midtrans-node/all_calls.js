// What a ticket shop asks, with the vendor's Node library, unpatched but for the base URL.
const { CoreApi, Snap } = require('midtrans-client');
const ApiConfig = require('midtrans-client/lib/apiConfig');

const { url, serverKey, request } = JSON.parse(process.argv[2]);
ApiConfig.CORE_SANDBOX_BASE_URL = url;
ApiConfig.SNAP_SANDBOX_BASE_URL = `${url}/snap/v1`;

const snap = new Snap({ isProduction: false, serverKey });
const core = new CoreApi({ isProduction: false, serverKey });

const pageFor = (id) => snap.createTransaction({
  ...request, transaction_details: { ...request.transaction_details, order_id: id },
});
const push = (id, move, method) => fetch(`${url}/_simulator/orders/${id}/${move}`, {
  method: 'POST', body: JSON.stringify({ method }),
});
const statusOfRefusal = (asked) => asked.then(() => null, (error) => Number(error.httpStatusCode));

async function main() {
  const page = await pageFor('NODE-1');
  await push('NODE-1', 'pay', 'gopay');
  const settled = await core.transaction.status('NODE-1');
  const refunded = await core.transaction.refund('NODE-1', { refund_key: 'R1', amount: 5000 });

  await pageFor('NODE-2');
  await push('NODE-2', 'choose', 'bca_va');
  const canceled = await core.transaction.cancel('NODE-2');

  await pageFor('NODE-3');
  await push('NODE-3', 'choose', 'bca_va');
  const expired = await core.transaction.expire('NODE-3');

  const charged = await core.charge({
    payment_type: 'qris', transaction_details: { order_id: 'NODE-4', gross_amount: 5000 },
  });
  const attempts = await core.transaction.statusb2b('NODE-4');

  const card = await core.cardToken({ card_number: '4811111111111114', client_key: 'any' });
  const reserved = await core.charge({
    payment_type: 'credit_card',
    transaction_details: { order_id: 'NODE-5', gross_amount: 5000 },
    credit_card: { token_id: card.token_id, type: 'authorize' },
  });
  const captured = await core.capture({
    transaction_id: reserved.transaction_id, gross_amount: 5000,
  });

  const stranger = new Snap({ isProduction: false, serverKey: 'SB-Mid-server-X' });
  console.log(JSON.stringify({
    created: page.redirect_url.endsWith(page.token),
    settled: [settled.transaction_status, settled.gross_amount],
    refunded: [refunded.transaction_status, refunded.refund_amount],
    canceled: [canceled.transaction_status, canceled.status_code],
    expired: [expired.transaction_status, expired.status_code],
    charged: [charged.transaction_status, charged.status_code],
    captured: [captured.transaction_status, captured.status_code],
    attempts: attempts.transactions.map((one) => one.transaction_status),
    unknown: await statusOfRefusal(core.transaction.status('NODE-99')),
    wrongKey: await statusOfRefusal(stranger.createTransaction(request)),
  }));
}

main();
