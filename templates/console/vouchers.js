"use strict";
const PAGE = 20;
const byId = (id) => document.getElementById(id);
const api = (path) => new URL("voucher/api/" + path, location.href.split(/[?#]/)[0]);
const rupiah = (amount) => "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
const percent = (rate) => (rate === null ? "–" : (rate * 100).toFixed(1) + " %");
// circuit breaker states in plain words
const STATE_LABELS = { closed: "Online", open: "Not responding", half_open: "Retrying" };
const stateLabel = (state) => STATE_LABELS[state] ?? state.replaceAll("_", " ");
const timeZone = byId("console").dataset.zone; // days as the service counts them, wherever the browser is
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone });
const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", timeZone });
const formatTime = (instant) => (instant ? timeFormat.format(new Date(instant)) : "–");
const STATE_CLASSES = {
  good: ["completed", "closed", "active", "sent", "delivered", "read"],
  bad: ["voucher_generation_failed", "open", "failed"],
};

// Insert values as text, never as markup: names and errors are untrusted.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null));
  return node;
}

// the API calls a paid purchase in progress pending as well, like one that is not paid
function purchaseState(purchase) {
  return purchase.status === "pending" && purchase.orderStatus === "paid" ? "in_progress" : purchase.status;
}

function badge(state, prefix = "") {
  const style = Object.keys(STATE_CLASSES).find((name) => STATE_CLASSES[name].includes(state)) ?? "wait";
  return element("span", { className: "badge " + style }, prefix + stateLabel(state));
}

function table(headings, rows, numericColumns = []) {
  if (!rows.length) return element("p", { className: "small" }, "None");
  const cell = (tag) => (content, n) => {
    const node = element(tag, numericColumns.includes(n) ? { className: "number" } : {}, content);
    if (tag === "td") node.dataset.head = headings[n]; // narrow screens hide the heading row
    return node;
  };
  const body = rows.map((row) => element("tr", {}, ...row.map(cell("td"))));
  const head = element("tr", {}, ...headings.map(cell("th")));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

function formatElapsed(since) {
  if (!since) return "–";
  const seconds = Math.max(0, Math.round((Date.now() - new Date(since)) / 1000));
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min";
  return seconds < 172800 ? Math.floor(seconds / 3600) + " h" : Math.floor(seconds / 86400) + " days";
}

async function request(path, options = {}) {
  const headers = options.body ? { "Content-Type": "application/json" } : {};
  const response = await fetch(api(path), { cache: "no-store", ...options, headers });
  if (response.ok) return response;
  if (response.status === 401) location.reload(); // the session has ended: the sign-in page
  const body = await response.json().catch(() => null);
  const error = new Error(body?.error?.message ?? "The service responded with status " + response.status);
  error.status = response.status;
  throw error;
}

const fetchData = async (path, options) => (await (await request(path, options)).json()).data;

function showMessage(text, isError = false) {
  byId("message").className = isError ? "message bad" : "message";
  byId("message").textContent = text;
  byId("message").hidden = false;
}

// --- rendering

let dashboard = null;

function renderTiles() {
  const { purchases, rates, waiting, manualIntervention: manual } = dashboard;
  const stuck = purchases.voucher_generation_failed.purchases;
  const slow = waiting.vouchers.oldestAt && Date.now() - new Date(waiting.vouchers.oldestAt) > 9e5;
  const values = [
    ["Completed", purchases.completed.purchases, "good"],
    ["Pending", purchases.pending.purchases, ""],
    ["Generation failed", stuck, stuck ? "bad" : "good"],
    ["Expired unpaid", purchases.failed.purchases, ""],
    ["Revenue", rupiah(dashboard.revenue), ""],
    ["Voucher loss rate", percent(rates.voucherLossRate), rates.lostVouchers ? "bad" : "good"],
    ["Delivery rate", percent(rates.deliveryRate), ""],
    ["Vouchers waiting", waiting.vouchers.count, slow ? "bad" : ""],
    ["Longest wait", formatElapsed(waiting.vouchers.oldestAt), slow ? "bad" : ""],
    ["Manual fixes", `${manual.byPerson} of ${manual.byPerson + manual.byItself}`, ""],
  ];
  byId("tiles").replaceChildren(
    ...values.map(([name, value, style]) =>
      element("div", { className: "tile " + style },
        element("span", { className: "small" }, name), element("b", {}, String(value)))),
  );
}

function renderRouters() {
  const cards = dashboard.routers.map((router) => {
    const { present, owed, asked } = router.vouchers;
    const since = router.failingSince ? `failing for ${formatElapsed(router.failingSince)}: ` : "";
    return element("li", {},
      element("div", { className: "what" },
        element("b", {}, router.name), " ", badge(router.breaker),
        element("div", { className: "small" },
          `${present} present, ${owed + asked} waiting; last response ${formatTime(router.answeredAt)}`),
        since ? element("div", { className: "small" }, since + router.errorMessage) : null));
  });
  byId("routers").replaceChildren(...(cards.length ? cards : [element("li", {}, "No routers")]));
}

function renderTrend() {
  const svgElement = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text) node.textContent = text;
    return node;
  };
  const points = dashboard.trend;
  const maxRevenue = Math.max(1, ...points.map((point) => point.revenue));
  const maxFailed = Math.max(1, ...points.map((point) => point.failedTries));
  const width = byId("trend").clientWidth || 640;
  const step = width / Math.max(1, points.length);
  const labelEvery = Math.ceil(44 / step); // labels must not overlap
  const chart = svgElement("svg", { viewBox: `0 0 ${width} 150`, role: "img", "aria-label": "revenue by day" });
  points.forEach((point, n) => {
    const height = (110 * point.revenue) / maxRevenue;
    const failedHeight = (110 * point.failedTries) / maxFailed;
    const left = n * step + step * 0.15;
    const bar = svgElement("rect", { class: "sold", x: left, y: 128 - height, width: step * 0.5, height, rx: 3 });
    const summary = `${dayFormat.format(new Date(point.at))}: ${rupiah(point.revenue)}, ${point.purchases} purchases, `;
    bar.append(svgElement("title", {}, summary + `${point.vouchersMade} vouchers created`));
    const failedBar = svgElement("rect", { class: "wrong", x: left + step * 0.55, y: 128 - failedHeight, width: step * 0.12, height: failedHeight });
    failedBar.append(svgElement("title", {}, `${point.failedTries} failed attempts`));
    chart.append(bar, failedBar);
    if ((points.length - 1 - n) % labelEvery === 0)
      chart.append(svgElement("text", { x: left + step * 0.3, y: 145, "text-anchor": "middle" }, dayFormat.format(new Date(point.at))));
  });
  byId("max-revenue").textContent = rupiah(Math.max(...points.map((point) => point.revenue)));
  byId("trend").replaceChildren(chart);
}

function renderDashboard() {
  renderTiles();
  renderRouters();
  renderTrend();
  const rows = dashboard.packages.map((one) => [
    one.name, one.profile, String(one.purchases), String(one.vouchers), rupiah(one.gross),
  ]);
  byId("packages").replaceChildren(
    table(["Package", "Profile", "Purchases", "Vouchers", "Gross"], rows, [2, 3, 4]));
  const counts = Object.entries(dashboard.deliveries).filter(([, count]) => count);
  byId("deliveries").replaceChildren(
    ...(counts.length
      ? counts.map(([state, count]) => element("span", {}, badge(state), " " + count))
      : [element("span", { className: "small" }, "None")]));
}

// --- repairs

async function repair(button, path, describe, options = {}) {
  button.disabled = true;
  try {
    showMessage(describe(await fetchData(path, { method: "POST", ...options })));
  } catch (error) {
    showMessage(error.message, true);
  }
  button.disabled = false;
  refreshLists();
}

function failedCard(one) {
  const reason = one.vouchers.length
    ? `${one.provisioned} of ${one.quantity} vouchers; ${one.vouchers[0].router}: ` +
      `${one.vouchers[0].errorMessage} (${one.vouchers[0].tries} attempts)`
    : "the codes were not delivered to the buyer";
  const regenerate = element("button", {}, "Regenerate");
  regenerate.onclick = () => repair(regenerate, `regenerate-voucher/${one.purchaseId}`,
    (result) => `${one.code}: ${result.due} queued for provisioning, ${result.present} already on the router`);
  const resend = element("button", {}, "Retry delivery");
  resend.onclick = () => repair(resend, `retry-delivery/${one.purchaseId}`,
    () => `${one.code}: code delivery queued`);
  return element("li", {},
    element("div", { className: "what" },
      element("code", {}, one.code), " ", badge(purchaseState(one)), " ",
      one.delivery ? badge(one.delivery, "codes: ") : null,
      element("div", {}, `#${one.purchaseId} ${one.customerName} ${one.customerPhone}`),
      element("div", { className: "small" }, `paid ${formatTime(one.paidAt)}; ${reason}`)),
    one.vouchers.length ? regenerate : resend);
}

let failedIds = [];

async function renderFailedPurchases() {
  const found = await fetchData("failed-vouchers?limit=50");
  failedIds = found.purchases.filter((one) => one.vouchers.length).map((one) => one.purchaseId);
  byId("regenerate-all").hidden = failedIds.length < 2;
  const more = found.totalCount - found.purchases.length;
  byId("failed").replaceChildren(
    ...(found.purchases.length
      ? found.purchases.map(failedCard)
      : [element("li", {}, "None. Every paid voucher is on its router or queued.")]),
    ...(more > 0 ? [element("li", {}, `and ${more} more`)] : []));
}

let offset = 0;

async function renderPayments() {
  const state = byId("status").value;
  const found = await fetchData(`payments?limit=${PAGE}&offset=${offset}` + (state && "&status=" + state));
  const rows = found.payments.map((one) => [
    String(one.purchaseId), element("code", {}, one.code), badge(purchaseState(one)),
    `${one.provisioned} of ${one.quantity}`, one.packages.map((each) => each.code).join(", "),
    one.customerName, one.delivery ? badge(one.delivery) : "–", formatTime(one.createdAt),
    rupiah(one.amount),
  ]);
  const headings = ["No.", "Order", "State", "Vouchers", "Package", "Buyer", "Codes", "Placed", "Amount"];
  byId("payments").replaceChildren(table(headings, rows, [0, 8]));
  const last = Math.min(offset + PAGE, found.totalCount);
  byId("counted").textContent = found.totalCount ? `${offset + 1}–${last} of ${found.totalCount}` : "";
  byId("newer").disabled = offset === 0;
  byId("older").disabled = last >= found.totalCount;
}

async function refreshLists() {
  try {
    await Promise.all([renderFailedPurchases(), renderPayments()]);
  } catch (error) {
    showMessage(error.message, true);
  }
}

async function renderDeliveryLog() {
  const found = await fetchData("delivery-status?purchase_id=" + byId("purchase").value);
  const rows = found.logs.map((one) => [
    formatTime(one.createdAt), one.channel, one.phone, badge(one.status), one.errorMessage || "–",
  ]);
  byId("log").replaceChildren(
    element("p", {}, `${found.code}: `, badge(found.status)),
    table(["Attempted", "Channel", "To", "State", "Error"], rows));
}

// --- live updates

async function connect() {
  for (;;) {
    try {
      const response = await request("stream");
      await readEvents(response.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch (error) {
      if (error.status === 401) return;
      if (error.status === 403) return showMessage(error.message, true);
    }
    showConnection("lost", "reconnecting");
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

async function readEvents(reader) {
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const line = event.split("\n").find((one) => one.startsWith("data: "));
      if (line) {
        dashboard = JSON.parse(line.slice(6));
        renderDashboard();
        refreshLists();
      }
      showConnection("on", "live");
    }
  }
}

function showConnection(style, text) {
  byId("live").className = "live small " + style;
  byId("live").textContent = text;
}

byId("regenerate-all").onclick = () => repair(byId("regenerate-all"), "bulk-regenerate",
  (result) => `${result.regeneratedCount} queued for provisioning, ${result.refusedCount} refused`,
  { body: JSON.stringify({ purchaseIds: failedIds }) });
byId("lookup").onsubmit = (event) => {
  event.preventDefault();
  renderDeliveryLog().catch((error) => showMessage(error.message, true));
};
byId("status").onchange = () => { offset = 0; refreshLists(); };
byId("newer").onclick = () => { offset = Math.max(0, offset - PAGE); refreshLists(); };
byId("older").onclick = () => { offset += PAGE; refreshLists(); };
setInterval(() => dashboard && renderTiles(), 5000);
connect();
