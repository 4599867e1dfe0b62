"use strict";
// Draws the progress that the API sends. One stream per visible tab; polling where it does not work.
const byId = (id) => document.getElementById(id);
const data = byId("data").dataset;
const words = JSON.parse(data.words);
const mayAct = Boolean(data.mayAct);
const base = "/admin/sync-pembayaran/";
const query = "?language=" + data.language;
const POLL_MILLISECONDS = 500;
const number = new Intl.NumberFormat(data.language);
const decimal = new Intl.NumberFormat(data.language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const fill = (text, ...values) => values.reduce((filled, value) => filled.replace("{}", value), text);
const isRunning = (progress) => ["running", "cancelling"].includes(progress.status);

let shown = JSON.parse(data.progress);
let stream = null;
let pollTimer = 0;
let sending = false;

function duration(seconds) {
  if (seconds === null) return words.unknown;
  if (seconds < 120) return fill(words.seconds, seconds);
  if (seconds < 7200) return fill(words.minutes_long, Math.round(seconds / 60));
  return fill(words.hours_long, decimal.format(seconds / 3600));
}

function timeLeft(progress) {
  if (progress.etaSeconds === null) return words.unknown;
  const { etaSeconds, etaFastestSeconds: fastest, etaSlowestSeconds: slowest } = progress;
  if (fastest === slowest) return duration(etaSeconds);
  return fill(words.between, duration(etaSeconds), duration(fastest), duration(slowest));
}

function logLine(line) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const text = document.createElement("span");
  item.className = line.level;
  time.dateTime = line.at;
  time.textContent = new Date(line.at).toLocaleTimeString(data.language);
  text.textContent = line.message; // texts of the source are untrusted
  item.append(time, text);
  return item;
}

function drawLog(lines) {
  const key = lines.map((line) => line.at + line.message).join("\n");
  if (byId("log").dataset.key === key) return;
  byId("log").dataset.key = key;
  if (lines.length) byId("log").replaceChildren(...lines.map(logLine).reverse());
}

function statusText(progress) {
  const isPartial = progress.status === "completed" && progress.failed > 0;
  return isPartial ? words.with_failures : words.statuses[progress.status];
}

function drawButtons(progress) {
  const running = isRunning(progress);
  const enabled = {
    start: !running,
    cancel: progress.status === "running",
    reset: !running && progress.status !== "idle",
    "accept-held": progress.hasHeld,
    "discard-held": progress.hasHeld,
    "retry-failed": !running,
  };
  for (const [name, isEnabled] of Object.entries(enabled)) {
    if (byId(name)) byId(name).disabled = !(isEnabled && mayAct) || sending;
  }
  byId("start").textContent = progress.canResume ? words.resume : words.start;
}

function draw(progress) {
  const ended = isRunning(shown) && !isRunning(progress);
  shown = progress;
  byId("badge").textContent = isRunning(progress) ? words.running : words.ready;
  byId("badge").classList.toggle("running", isRunning(progress));
  byId("status").textContent = statusText(progress);
  byId("waiting").hidden = !progress.isWaiting;
  byId("listing").hidden = !progress.isListing;
  byId("held").hidden = !progress.hasHeld;
  byId("bar").value = progress.percent;
  byId("percent").textContent = decimal.format(progress.percent) + " %";
  for (const name of ["total", "succeeded", "failed", "processed"]) {
    byId(name + "-count").textContent = number.format(progress[name]);
  }
  byId("rate").textContent =
    progress.ratePerSecond === null ? words.unknown : fill(words.per_second, decimal.format(progress.ratePerSecond));
  byId("left").textContent = timeLeft(progress);
  drawLog(progress.log);
  drawButtons(progress);
  if (ended) announceEnd(progress);
}

async function announceEnd(progress) {
  byId("announcer").textContent = words.finished + " " + statusText(progress);
  document.title = "✓ " + words.sync;
  const response = await fetch(location.pathname + query, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const failures = page.getElementById("failures");
  if (failures) byId("failures").replaceWith(failures);
}

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
}

async function request(path, options = {}) {
  const headers = { Accept: "application/json" };
  const response = await fetch(base + path + query, { cache: "no-store", headers, ...options });
  if (response.status === 401) location.reload(); // the session has ended: the sign-in page
  const body = await response.json();
  if (!response.ok) throw new Error(body.error.message);
  return body.data;
}

async function act(submission) {
  const form = submission.target;
  if (!form.action.includes(base)) return;
  submission.preventDefault();
  sending = true;
  drawButtons(shown);
  try {
    draw(await request(form.querySelector("button").id, { method: "POST" }));
    complain("");
  } catch (error) {
    complain(words.refused + error.message);
  } finally {
    sending = false;
    drawButtons(shown);
  }
}

async function poll() {
  clearTimeout(pollTimer);
  if (document.hidden || stream) return;
  try {
    draw(await request("progress"));
    complain("");
  } catch {
    complain(words.lost);
  }
  pollTimer = setTimeout(poll, isRunning(shown) ? POLL_MILLISECONDS : 4 * POLL_MILLISECONDS);
}

function openStream() {
  if (stream || document.hidden) return;
  stream = new EventSource(base + "events" + query);
  stream.addEventListener("progress", (event) => {
    draw(JSON.parse(event.data));
    complain("");
  });
  // a stream that ends is opened again by the browser; one that is refused is not
  stream.addEventListener("error", () => {
    if (stream && stream.readyState === EventSource.CLOSED) {
      stream = null;
      poll();
    }
  });
}

// A hidden tab needs no connection: browsers allow six for one host.
function closeStream() {
  if (stream) stream.close();
  stream = null;
  clearTimeout(pollTimer);
}

document.addEventListener("submit", act);
document.addEventListener("visibilitychange", () => (document.hidden ? closeStream() : openStream()));
addEventListener("pagehide", closeStream);
addEventListener("pageshow", openStream);
draw(shown);
openStream();
