// Requests to the service, the difference of the clocks, and sending what was scanned offline.
import { deleteSetting, getSetting, listUnsent, putScan, setSetting } from "./store.js";

const TIMEOUT_MILLISECONDS = 4000;
const BATCH = 100;
const CLOCK_TOLERANCE_MILLISECONDS = 10_000; // the header has whole seconds, and answers take time
export const clock = { offset: 0 };
export const now = () => new Date(Date.now() + clock.offset);

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Returns the data of an answer. Throws Refusal for an error of the service, TypeError without network.
export async function ask(path, { body, key, timeout = TIMEOUT_MILLISECONDS } = {}) {
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit",
    signal: AbortSignal.timeout(timeout),
  });
  const date = Date.parse(response.headers.get("Date") ?? "");
  const difference = date - Date.now();
  if (date) clock.offset = Math.abs(difference) > CLOCK_TOLERANCE_MILLISECONDS ? difference : 0;
  if (response.status >= 502) throw new TypeError("the service is away");
  const answer = await response.json();
  if (!answer.success) throw new Refusal(response.status, answer.error.message);
  return answer.data;
}

export async function pair(code) {
  const gate = await ask("/api/gates/pair", { body: { code } });
  await setSetting("gate", gate);
  await deleteSetting("locked");
  return gate;
}

export function scanOnline(gate, scan, code) {
  const body = { eventId: gate.eventSlug, listId: scan.listId, nonce: scan.nonce, direction: scan.direction };
  return ask("/api/checkins", { key: gate.key, body: code ? { ...body, code } : { ...body, tokenId: scan.tokenId } });
}

function toRequest(scan) {
  return {
    nonce: scan.nonce, tokenId: scan.tokenId, direction: scan.direction, at: scan.at, offline: true,
    packVersion: scan.packVersion,
  };
}

// Returns the text of the QR code in a picture, empty without one.
export async function readPicture(gate, picture) {
  const response = await fetch(`/api/events/${gate.eventSlug}/checkins/read-picture`, {
    method: "POST", body: picture, cache: "no-store", credentials: "omit",
    headers: { Authorization: `Bearer ${gate.key}`, "Content-Type": picture.type },
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  });
  const answer = await response.json();
  if (!answer.success) throw new Refusal(response.status, answer.error.message);
  return answer.data.text ?? "";
}

// Sends the scans that the service has not recorded; safe to repeat, since it knows the nonces.
export async function sendUnsent(gate, onConflict) {
  const unsent = await listUnsent();
  const byList = group(unsent);
  for (const [listId, scans] of byList) {
    for (let start = 0; start < scans.length; start += BATCH) {
      const part = scans.slice(start, start + BATCH);
      const body = { eventId: gate.eventSlug, listId, scans: part.map(toRequest) };
      const { checkins } = await ask("/api/checkins/batch", { key: gate.key, body, timeout: 30_000 });
      for (const [place, recorded] of checkins.entries()) {
        const { unsent: _, ...scan } = part[place];
        await putScan({ ...scan, recorded: recorded.verdict });
        if (recorded.verdict !== "admitted") onConflict(recorded);
      }
    }
  }
}

function group(scans) {
  const groups = new Map();
  for (const scan of scans) groups.set(scan.listId, [...(groups.get(scan.listId) ?? []), scan]);
  return groups;
}

export const storedGate = () => getSetting("gate");
