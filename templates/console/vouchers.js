"use strict";
const KEY = "ticketing api key";
const PAGE = 20;
const at = (id) => document.getElementById(id);
const api = (path) => new URL("voucher/api/" + path, location.href.split(/[?#]/)[0]);
const rupiah = (amount) => "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
const percent = (rate) => (rate === null ? "–" : (rate * 100).toFixed(1) + " %");
// a breaker's states, for people who never saw one
const SAID = { closed: "answers", open: "does not answer", half_open: "asked again" };
const words = (state) => SAID[state] ?? state.replaceAll("_", " ");
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const spoken = (instant) => (instant ? moment.format(new Date(instant)) : "–");
const LOOKS = {
  good: ["completed", "closed", "present", "sent", "delivered", "read"],
  bad: ["voucher_generation_failed", "open", "failed"],
};

// what is shown is text, never markup: names and errors come from elsewhere
function element(tag, traits = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), traits);
  made.append(...inside.filter((part) => part !== null));
  return made;
}

function badge(state, about = "") {
  const look = Object.keys(LOOKS).find((name) => LOOKS[name].includes(state)) ?? "wait";
  return element("span", { className: "badge " + look }, about + words(state));
}

function table(heads, rows, numbers = []) {
  if (!rows.length) return element("p", { className: "small" }, "none");
  const cell = (tag) => (part, n) => {
    const made = element(tag, numbers.includes(n) ? { className: "number" } : {}, part);
    if (tag === "td") made.dataset.head = heads[n]; // a phone shows no line of heads
    return made;
  };
  const body = rows.map((row) => element("tr", {}, ...row.map(cell("td"))));
  const head = element("tr", {}, ...heads.map(cell("th")));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

function lasted(since) {
  if (!since) return "–";
  const seconds = Math.max(0, Math.round((Date.now() - new Date(since)) / 1000));
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min";
  return seconds < 172800 ? Math.floor(seconds / 3600) + " h" : Math.floor(seconds / 86400) + " days";
}

async function ask(path, options = {}) {
  const headers = { Authorization: "Bearer " + sessionStorage.getItem(KEY) };
  if (options.body) headers["Content-Type"] = "application/json";
  const answer = await fetch(api(path), { cache: "no-store", ...options, headers });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  const problem = new Error(said?.error?.message ?? "the service answered " + answer.status);
  problem.status = answer.status;
  throw problem;
}

const data = async (path, options) => (await (await ask(path, options)).json()).data;

function tell(text, bad = false) {
  at("told").className = bad ? "told bad" : "told";
  at("told").textContent = text;
  at("told").hidden = false;
}

// --- what is shown

let board = null;

function tiles() {
  const { purchases, rates, waiting, manualIntervention: manual } = board;
  const stuck = purchases.voucher_generation_failed.purchases;
  const slow = waiting.vouchers.oldestAt && Date.now() - new Date(waiting.vouchers.oldestAt) > 9e5;
  const shown = [
    ["Completed", purchases.completed.purchases, "good"],
    ["Pending", purchases.pending.purchases, ""],
    ["Generation failed", stuck, stuck ? "bad" : "good"],
    ["Unpaid, ended", purchases.failed.purchases, ""],
    ["Revenue", rupiah(board.revenue), ""],
    ["Voucher loss rate", percent(rates.voucherLossRate), rates.lostVouchers ? "bad" : "good"],
    ["Delivery rate", percent(rates.deliveryRate), ""],
    ["Vouchers waiting", waiting.vouchers.count, slow ? "bad" : ""],
    ["Longest wait", lasted(waiting.vouchers.oldestAt), slow ? "bad" : ""],
    ["Repairs by a person", `${manual.byPerson} of ${manual.byPerson + manual.byItself}`, ""],
  ];
  at("tiles").replaceChildren(
    ...shown.map(([name, value, look]) =>
      element("div", { className: "tile " + look },
        element("span", { className: "small" }, name), element("b", {}, String(value)))),
  );
}

function routers() {
  const shown = board.routers.map((router) => {
    const { present, owed, asked } = router.vouchers;
    const since = router.failingSince ? `failing for ${lasted(router.failingSince)}: ` : "";
    return element("li", {},
      element("div", { className: "what" },
        element("b", {}, router.name), " ", badge(router.breaker),
        element("div", { className: "small" },
          `${present} present, ${owed + asked} waiting; answered ${spoken(router.answeredAt)}`),
        since ? element("div", { className: "small" }, since + router.errorMessage) : null));
  });
  at("routers").replaceChildren(...(shown.length ? shown : [element("li", {}, "no router is known")]));
}

function trend() {
  const make = (tag, traits, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(traits)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    return made;
  };
  const points = board.trend;
  const most = Math.max(1, ...points.map((point) => point.revenue));
  const worst = Math.max(1, ...points.map((point) => point.failedTries));
  const room = at("trend").clientWidth || 640;
  const wide = room / Math.max(1, points.length);
  const named = Math.ceil(44 / wide); // so that no two dates touch
  const drawing = make("svg", { viewBox: `0 0 ${room} 150`, role: "img", "aria-label": "revenue by day" });
  points.forEach((point, n) => {
    const tall = (110 * point.revenue) / most;
    const wrong = (110 * point.failedTries) / worst;
    const left = n * wide + wide * 0.15;
    const bar = make("rect", { class: "sold", x: left, y: 128 - tall, width: wide * 0.5, height: tall, rx: 3 });
    const sum = `${day.format(new Date(point.at))}: ${rupiah(point.revenue)}, ${point.purchases} purchases, `;
    bar.append(make("title", {}, sum + `${point.vouchersMade} vouchers made`));
    const red = make("rect", { class: "wrong", x: left + wide * 0.55, y: 128 - wrong, width: wide * 0.12, height: wrong });
    red.append(make("title", {}, `${point.failedTries} failed tries`));
    drawing.append(bar, red);
    if ((points.length - 1 - n) % named === 0)
      drawing.append(make("text", { x: left + wide * 0.3, y: 145, "text-anchor": "middle" }, day.format(new Date(point.at))));
  });
  at("most").textContent = rupiah(Math.max(...points.map((point) => point.revenue)));
  at("trend").replaceChildren(drawing);
}

function show() {
  tiles();
  routers();
  trend();
  const sold = board.packages.map((one) => [
    one.name, one.profile, String(one.purchases), String(one.vouchers), rupiah(one.gross),
  ]);
  at("packages").replaceChildren(
    table(["Package", "Profile", "Purchases", "Vouchers", "Gross"], sold, [2, 3, 4]));
  const counted = Object.entries(board.deliveries).filter(([, number]) => number);
  at("deliveries").replaceChildren(
    ...(counted.length
      ? counted.map(([state, number]) => element("span", {}, badge(state), " " + number))
      : [element("span", { className: "small" }, "none yet")]));
}

// --- what somebody does about it

async function repair(button, path, done, options = {}) {
  button.disabled = true;
  try {
    const headers = { method: "POST", ...options };
    tell(done(await data(path, headers)));
  } catch (problem) {
    tell(problem.message, true);
  }
  button.disabled = false;
  lists();
}

function failedCard(one) {
  const why = one.vouchers.length
    ? `${one.provisioned} of ${one.quantity} vouchers; ${one.vouchers[0].router}: ` +
      `${one.vouchers[0].errorMessage} (${one.vouchers[0].tries} tries)`
    : "the codes did not reach the buyer";
  const again = element("button", {}, "Regenerate");
  again.onclick = () => repair(again, `regenerate-voucher/${one.purchaseId}`,
    (made) => `${one.code}: ${made.due} asked for again, ${made.present} present`);
  const send = element("button", {}, "Retry delivery");
  send.onclick = () => repair(send, `retry-delivery/${one.purchaseId}`,
    () => `${one.code}: the codes are sent again`);
  return element("li", {},
    element("div", { className: "what" },
      element("code", {}, one.code), " ", badge(one.status), " ",
      one.delivery ? badge(one.delivery, "codes: ") : null,
      element("div", {}, `#${one.purchaseId} ${one.customerName} ${one.customerPhone}`),
      element("div", { className: "small" }, `paid ${spoken(one.paidAt)}; ${why}`)),
    one.vouchers.length ? again : send);
}

let failedIds = [];

async function failedList() {
  const found = await data("failed-vouchers?limit=50");
  failedIds = found.purchases.filter((one) => one.vouchers.length).map((one) => one.purchaseId);
  at("all").hidden = failedIds.length < 2;
  const more = found.totalCount - found.purchases.length;
  at("failed").replaceChildren(
    ...(found.purchases.length
      ? found.purchases.map(failedCard)
      : [element("li", {}, "Nothing: every paid voucher is made, or on its way.")]),
    ...(more > 0 ? [element("li", {}, `and ${more} more`)] : []));
}

let offset = 0;

async function paymentList() {
  const state = at("status").value;
  const found = await data(`payments?limit=${PAGE}&offset=${offset}` + (state && "&status=" + state));
  const rows = found.payments.map((one) => [
    String(one.purchaseId), element("code", {}, one.code), badge(one.status),
    `${one.provisioned} of ${one.quantity}`, one.packages.map((each) => each.code).join(", "),
    one.customerName, one.delivery ? badge(one.delivery) : "–", spoken(one.createdAt),
    rupiah(one.amount),
  ]);
  const heads = ["No.", "Order", "State", "Vouchers", "Package", "Buyer", "Codes", "Placed", "Amount"];
  at("payments").replaceChildren(table(heads, rows, [0, 8]));
  const last = Math.min(offset + PAGE, found.totalCount);
  at("counted").textContent = found.totalCount ? `${offset + 1}–${last} of ${found.totalCount}` : "";
  at("newer").disabled = offset === 0;
  at("older").disabled = last >= found.totalCount;
}

async function lists() {
  try {
    await Promise.all([failedList(), paymentList()]);
  } catch (problem) {
    tell(problem.message, true);
  }
}

async function lookUp() {
  const found = await data("delivery-status?purchase_id=" + at("purchase").value);
  const rows = found.logs.map((one) => [
    spoken(one.createdAt), one.channel, one.phone, badge(one.status), one.errorMessage || "–",
  ]);
  at("log").replaceChildren(
    element("p", {}, `${found.code} is `, badge(found.status)),
    table(["Tried", "Channel", "To", "State", "Error"], rows));
}

// --- live

let listening = null;

async function listen() {
  const mine = (listening = new AbortController());
  while (listening === mine) {
    try {
      const answer = await ask("stream", { signal: mine.signal });
      await hear(answer.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch (problem) {
      if (listening !== mine) return;
      if (problem.status === 401 || problem.status === 403) return leave(problem.message);
    }
    live("lost", "reconnecting");
    await new Promise((done) => setTimeout(done, 2000));
  }
}

async function hear(reader) {
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
        board = JSON.parse(line.slice(6));
        show();
        lists();
      }
      live("on", "live");
    }
  }
}

function live(look, text) {
  at("live").className = "live small " + look;
  at("live").textContent = text;
}

function leave(why = "") {
  listening?.abort();
  listening = board = null;
  sessionStorage.removeItem(KEY);
  at("refused").textContent = why;
  at("refused").hidden = !why;
  enter();
}

function enter() {
  const known = Boolean(sessionStorage.getItem(KEY));
  at("door").hidden = known;
  at("console").hidden = !known;
  if (known) listen();
  else at("key").focus();
}

at("door").querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value.trim());
  at("key").value = "";
  enter();
};
at("leave").onclick = () => leave();
at("all").onclick = () => repair(at("all"), "bulk-regenerate",
  (done) => `${done.regeneratedCount} asked for again, ${done.refusedCount} refused`,
  { body: JSON.stringify({ purchaseIds: failedIds }) });
at("lookup").onsubmit = (event) => {
  event.preventDefault();
  lookUp().catch((problem) => tell(problem.message, true));
};
at("status").onchange = () => { offset = 0; lists(); };
at("newer").onclick = () => { offset = Math.max(0, offset - PAGE); lists(); };
at("older").onclick = () => { offset += PAGE; lists(); };
setInterval(() => board && tiles(), 5000);
enter();
