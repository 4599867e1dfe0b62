// The page of a gate: the verdict first, then storing the scan, the network last.
import { hasCamera, startCamera } from "./camera.js";
import { decide } from "./decide.js";
import { allowSound, announce } from "./feedback.js";
import { openPack } from "./pack.js";
import { ask, clock, now, pair, readPicture, Refusal, scanOnline, sendUnsent, storedGate } from "./server.js";
import { countUnsent, deleteSetting, getScan, getSetting, listPassages, putScan, setSetting } from "./store.js";
import { canVerify } from "./token.js";
import { chosen, fill, other, word } from "./words.js";

const REFRESH_MILLISECONDS = 15_000;
const PACK_MILLISECONDS = 5 * 60_000;
const OLD_PACK_MILLISECONDS = 60 * 60_000;
const WEDGE_PAUSE_MILLISECONDS = 100;
const byId = (id) => document.getElementById(id);
const state = { gate: null, pack: null, verifies: false, isLocked: false, last: null, stopCamera: null, isBusy: false };
const waiting = [];

function show(id, isShown) {
  byId(id).hidden = !isShown;
}

function clockTime(value) {
  const options = { hour: "2-digit", minute: "2-digit", timeZone: state.pack?.event.timeZone };
  return new Date(value).toLocaleTimeString(chosen(), options);
}

function label() {
  document.documentElement.lang = chosen();
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  byId("language").textContent = word("language");
  byId("language").lang = other();
  document.title = state.gate ? `${word("title")}: ${state.gate.eventName}` : word("title");
}

function problem(text) {
  byId("problem").textContent = text;
  show("problem", Boolean(text));
}

// result: {verdict, reason, name, detail, note}
function showVerdict(result, direction) {
  const panel = byId("verdict");
  delete byId("verdict-word").dataset.word; // a change of the language leaves it
  panel.className = result.verdict;
  const isAdmitted = result.verdict === "admitted";
  byId("verdict-word").textContent = isAdmitted ? word(direction === "exit" ? "left" : "admitted")
    : word("reasons")[result.reason] ?? word(result.verdict);
  byId("verdict-name").textContent = result.name ?? "";
  byId("verdict-detail").textContent = result.detail ?? "";
  byId("verdict-note").textContent = result.note ?? "";
  panel.dataset.count = String(Number(panel.dataset.count ?? 0) + 1); // for whoever waits for a verdict
  announce(isAdmitted);
}

function showChecking() {
  byId("verdict").className = "checking";
  byId("verdict-word").textContent = word("checking");
  for (const part of ["name", "detail", "note"]) byId(`verdict-${part}`).textContent = "";
}

const usedNote = (related) => related
  ? fill("usedAt", { at: clockTime(related.scannedAt ?? related.at) }) + (related.gate ? fill("atGate", related) : "") : "";

function fromService(recorded) {
  const { ticket } = recorded;
  return {
    verdict: recorded.verdict, reason: recorded.reason, name: ticket?.fullName,
    detail: ticket ? [ticket.ticketType, ticket.seat, ticket.ticketCode].filter(Boolean).join(" · ") : "",
    note: recorded.verdict === "admitted" ? "" : usedNote(recorded.related) || recorded.note,
  };
}

function fromPhone(local) {
  return {
    verdict: local.verdict, reason: local.reason, name: local.ticket?.name,
    detail: local.ticket ? [local.ticket.type?.name, local.ticket.seat].filter(Boolean).join(" · ") : "",
    note: usedNote(local.related) || (local.isNew && local.verdict === "admitted" ? word("newTicket") : ""),
  };
}

const chosenList = () => state.pack?.lists.find((list) => list.id === Number(byId("list").value)) ?? state.pack?.lists[0];
const chosenDirection = () => document.querySelector("input[name=direction]:checked").value;

function newNonce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(15)), (byte) => byte.toString(36).padStart(2, "0")).join("").slice(0, 30);
}

async function decideHere(text, list, direction) {
  if (!state.pack || !list) return { verdict: "refused", reason: "pack expired" };
  if (!state.verifies) return null;
  return decide({
    text, pack: state.pack, list, direction, milliseconds: now().getTime(),
    passages: (tokenId) => listPassages(tokenId, list.id),
  });
}

// One scan after the other: two codes in view of the camera must not overtake each other.
function handle(text) {
  waiting.push(text.trim());
  if (!state.isBusy) work();
}

async function work() {
  state.isBusy = true;
  while (waiting.length) {
    const text = waiting.shift();
    if (!text) continue;
    try {
      await check(text);
    } catch (error) {
      problem(fill("failed", { message: error.message }));
    }
  }
  state.isBusy = false;
}

async function check(text) {
  problem("");
  if (state.isLocked) return problem(word("locked"));
  const list = chosenList(), direction = chosenDirection();
  const isToken = text.startsWith("TC1") && text.length > 100;
  const local = isToken ? await decideHere(text, list, direction) : null;
  // what no network could make right is said at once
  const isFinal = local && local.verdict === "refused" && !["already used", "not inside", "pack expired"].includes(local.reason);
  if (isFinal) return showVerdict(fromPhone(local), direction);
  if (!local) showChecking();
  const scan = {
    nonce: newNonce(), tokenId: local?.tokenId ?? "", listId: list?.id ?? null, direction, at: now().toISOString(),
    packVersion: state.pack?.version ?? "", verdict: "admitted",
  };
  try {
    const recorded = await scanOnline(state.gate, scan, text);
    showVerdict(fromService(recorded), direction);
    showNetwork(true);
    if (scan.tokenId) await putScan({ ...scan, listId: recorded.listId, verdict: recorded.verdict });
    remember(recorded.verdict === "admitted" ? scan.nonce : null);
    refreshCounts();
  } catch (error) {
    if (error instanceof Refusal) return refused(error);
    showNetwork(false);
    await checkOffline(scan, local, direction);
  }
}

// The request may have reached the service: the scan is sent again with the same nonce.
async function checkOffline(scan, local, direction) {
  if (!local) return showVerdict({ verdict: "refused", reason: "", note: word(state.verifies ? "needsNetwork" : "noVerify") }, direction);
  showVerdict(fromPhone(local), direction);
  if (local.verdict !== "admitted") return;
  await putScan({ ...scan, unsent: 1 });
  remember(scan.nonce);
  await showQueue();
}

function refused(error) {
  if (error.status !== 401 && error.status !== 403) return problem(fill("failed", { message: error.message }));
  state.isLocked = true;
  byId("verdict").className = "";
  for (const part of ["word", "name", "detail", "note"]) byId(`verdict-${part}`).textContent = "";
  remember(null);
  setSetting("locked", true);
  showLock();
}

function showLock() {
  show("lock", state.isLocked);
  byId("code-form").inert = state.isLocked;
}

function remember(nonce) {
  state.last = nonce;
  show("undo", nonce !== null);
}

async function undo() {
  const nonce = state.last;
  if (!nonce) return;
  const scan = await getScan(nonce);
  try {
    if (scan?.unsent) await sendUnsent(state.gate, () => {});
    await ask(`/api/checkins/${nonce}/undo`, { key: state.gate.key, body: { eventId: state.gate.eventSlug } });
  } catch (error) {
    return error instanceof Refusal ? refused(error) : problem(word("needsNetwork"));
  }
  if (scan) await putScan({ ...(await getScan(nonce)), undone: true });
  remember(null);
  byId("verdict").className = "";
  byId("verdict-word").textContent = word("undone");
  await showQueue();
  refreshCounts();
}

function showNetwork(isOnline) {
  byId("network").textContent = word(isOnline ? "online" : "offline");
  byId("network").className = isOnline ? "good" : "warn";
  document.body.dataset.network = isOnline ? "online" : "offline";
}

async function showQueue() {
  const count = await countUnsent();
  byId("queue").textContent = count ? fill("queue", { count }) : word("sent");
  byId("queue").className = count ? "warn" : "";
  document.body.dataset.unsent = String(count);
}

function showPack() {
  if (!state.pack) {
    byId("pack").textContent = word("noPack");
    byId("pack").className = "warn";
    return;
  }
  const isOld = now() - Date.parse(state.pack.madeAt) > OLD_PACK_MILLISECONDS;
  byId("pack").textContent = fill("pack", { at: clockTime(state.pack.madeAt) }) + (isOld ? `. ${word("packOld")}` : "");
  byId("pack").className = isOld ? "warn" : "";
  const list = byId("list"), selected = list.value;
  list.replaceChildren(...state.pack.lists.map((one) => new Option(one.name, one.id)));
  if (state.pack.lists.some((one) => String(one.id) === selected)) list.value = selected;
}

async function refreshPack() {
  const answer = await ask(`/api/events/${state.gate.eventSlug}/gate-pack?names=true`, { key: state.gate.key, timeout: 60_000 });
  const pack = await openPack(answer, await getSetting("packKey"), state.pack);
  await setSetting("packKey", answer.publicKey);
  await setSetting("pack", answer);
  state.pack = pack;
  showPack();
}

async function refreshCounts() {
  try {
    const counts = await ask(`/api/events/${state.gate.eventSlug}/checkins/counts`, { key: state.gate.key });
    const list = counts.lists.find((one) => one.listId === chosenList()?.id) ?? counts.lists[0];
    byId("counts").textContent = fill("entered", list) + (list.conflicts ? ` · ${fill("conflicts", { count: list.conflicts })}` : "");
  } catch (error) {
    if (error instanceof Refusal) refused(error);
  }
}

// Sends what is unsent, then fetches what is new. Called at intervals and when the network returns.
async function synchronise({ withPack = false } = {}) {
  if (!state.gate || state.isLocked) return;
  try {
    await sendUnsent(state.gate, (recorded) => problem(`${word("conflict")}: ${recorded.ticket?.fullName ?? ""} ${word("reasons")[recorded.reason] ?? ""}, ${usedNote(recorded.related)}`));
    const isStale = !state.pack || now() - Date.parse(state.pack.madeAt) > PACK_MILLISECONDS;
    if (withPack || isStale) await refreshPack();
    showNetwork(true);
    await refreshCounts();
  } catch (error) {
    if (error instanceof Refusal) refused(error);
    else if (error instanceof TypeError || error.name === "TimeoutError") showNetwork(false);
    else problem(fill("failed", { message: error.message }));
  }
  await showQueue();
  byId("clock").textContent = clock.offset ? fill("clock", { seconds: Math.round(clock.offset / 1000) }) : "";
}

async function search(text) {
  const found = byId("found");
  try {
    const path = `/api/events/${state.gate.eventSlug}/checkins/search?q=${encodeURIComponent(text)}&listId=${byId("list").value}`;
    const { tickets } = await ask(path, { key: state.gate.key });
    found.replaceChildren(...tickets.map(toRow));
    if (!tickets.length) found.textContent = word("nobody");
  } catch (error) {
    found.textContent = error instanceof Refusal ? error.message : word("needsNetwork");
  }
}

function toRow(ticket) {
  const row = document.createElement("li"), text = document.createElement("span"), button = document.createElement("button");
  text.textContent = [ticket.fullName, ticket.ticketType, ticket.seat, ticket.ticketCode].filter(Boolean).join(" · ");
  if (ticket.enteredAt) text.textContent += `, ${usedNote({ scannedAt: ticket.enteredAt, gate: ticket.enteredGate })}`;
  button.textContent = word("check");
  button.type = "button";
  button.onclick = () => handle(ticket.ticketCode);
  row.append(text, button);
  return row;
}

async function toggleCamera() {
  if (state.stopCamera) {
    state.stopCamera();
    state.stopCamera = null;
  } else {
    try {
      state.stopCamera = await startCamera(byId("video"), {
        onText: handle,
        sendPicture: (picture) => readPicture(state.gate, picture),
        onLost: (error) => (error instanceof Refusal ? refused(error) : problem(word("cameraNeedsNetwork"))),
      });
      navigator.wakeLock?.request("screen").catch(() => {});
    } catch {
      problem(word("cameraRefused"));
    }
  }
  show("video", Boolean(state.stopCamera));
  byId("camera").dataset.word = state.stopCamera ? "stopCamera" : "camera";
  label();
}

// A scanner types a code and Enter, wherever the focus is; people type slower.
function listenToWedge() {
  let text = "", last = 0;
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, button")) return;
    if (event.timeStamp - last > WEDGE_PAUSE_MILLISECONDS) text = "";
    last = event.timeStamp;
    if (event.key === "Enter" && text.length > 5) {
      handle(text);
      text = "";
      event.preventDefault();
    } else if (event.key.length === 1) text += event.key;
  });
}

async function startGate() {
  state.gate = await storedGate();
  state.isLocked = Boolean(await getSetting("locked"));
  show("pairing", !state.gate);
  show("gate", Boolean(state.gate));
  label();
  await showQueue(); // before anything that may wait for the camera or the network
  if (!state.gate) return;
  delete byId("event").dataset.word;
  byId("event").textContent = state.gate.eventName;
  byId("gate-name").textContent = state.gate.gate;
  showLock();
  const answer = await getSetting("pack");
  if (answer && state.verifies) {
    state.pack = await openPack(answer, await getSetting("packKey"), null);
  }
  showPack();
  await synchronise();
}

async function pairHere(code) {
  problem("");
  try {
    await deleteSetting("pack");
    await deleteSetting("packKey");
    await pair(code);
    state.pack = null;
    await startGate();
  } catch (error) {
    problem(error instanceof Refusal ? error.message : word("needsNetwork"));
  }
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    const input = event.target.elements[0], text = input.value.trim();
    if (text) action(text, input);
  });
}

async function start() {
  byId("language").onclick = () => { localStorage.setItem("language", other()); label(); showPack(); showQueue(); refreshCounts(); };
  byId("camera").onclick = toggleCamera;
  byId("undo").onclick = undo;
  byId("refresh").onclick = () => synchronise({ withPack: true });
  byId("pair-again").onclick = () => { show("pairing", true); show("gate", false); };
  onSubmit("pair-form", pairHere);
  onSubmit("code-form", (text, input) => { handle(text); input.value = ""; });
  onSubmit("search-form", search);
  document.addEventListener("pointerdown", allowSound, { once: true });
  document.addEventListener("keydown", allowSound, { once: true });
  addEventListener("online", () => synchronise());
  listenToWedge();
  label();
  if (!isSecureContext) problem(word("insecure"));
  state.verifies = await canVerify();
  show("camera", hasCamera());
  show("no-camera", !hasCamera());
  const code = new URLSearchParams(location.hash.slice(1)).get("pair");
  if (code) {
    history.replaceState(null, "", location.pathname); // the code is a secret, and works once
    await pairHere(code);
  }
  if (!state.gate) await startGate();
  setInterval(synchronise, REFRESH_MILLISECONDS);
  navigator.storage?.persist?.();
  if ("serviceWorker" in navigator) {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    document.body.dataset.worker = "ready";
  }
}

start();
