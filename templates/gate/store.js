// IndexedDB: settings of the gate, and its scans until they are sent. A scan holds the token's id,
// never the text of the QR code: a stolen phone is no stack of tickets.
const VERSION = 1;

function wait(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function open() {
  const request = indexedDB.open("gate", VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("settings");
    const scans = request.result.createObjectStore("scans", { keyPath: "nonce" });
    scans.createIndex("ticket", "tokenId");
    scans.createIndex("unsent", "unsent");
  };
  return wait(request);
}

const database = open();

async function store(name, mode) {
  return (await database).transaction(name, mode).objectStore(name);
}

export const getSetting = async (name) => wait((await store("settings", "readonly")).get(name));
export const setSetting = async (name, value) => wait((await store("settings", "readwrite")).put(value, name));
export const deleteSetting = async (name) => wait((await store("settings", "readwrite")).delete(name));
export const putScan = async (scan) => wait((await store("scans", "readwrite")).put(scan));
export const getScan = async (nonce) => wait((await store("scans", "readonly")).get(nonce));

// `unsent` is 1 or absent, because a boolean cannot be an index key.
export async function listUnsent() {
  const scans = await wait((await store("scans", "readonly")).index("unsent").getAll(1));
  return scans.sort((one, other) => one.at.localeCompare(other.at));
}

export const countUnsent = async () => wait((await store("scans", "readonly")).index("unsent").count(1));

export async function listPassages(tokenId, listId) {
  const scans = await wait((await store("scans", "readonly")).index("ticket").getAll(tokenId));
  return scans
    .filter((scan) => scan.listId === listId && scan.verdict === "admitted" && !scan.undone)
    .sort((one, other) => one.at.localeCompare(other.at));
}

export async function clearGate() {
  const all = (await database).transaction(["settings", "scans"], "readwrite");
  all.objectStore("settings").clear();
  all.objectStore("scans").clear();
  return new Promise((resolve) => { all.oncomplete = resolve; });
}
