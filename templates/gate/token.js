// Tickets without network: the same checks as `ticketing/crypto/verify.py`, in the same order.
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const PREFIX = "TC1";
const TOKEN_CHARACTERS = 141;
const TOKEN_BYTES = 88;
const CLAIM_BYTES = 24;
const PURPOSE = new TextEncoder().encode("ticketing qr token 1\0");
const DOCUMENT_PURPOSE = new TextEncoder().encode("ticketing document 1\0");
const CLOCK_SKEW_SECONDS = 120;
export const TOKEN_ID_BYTES = 10;

export function toBase64Url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function fromBase64Url(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

// Returns the bytes, or null unless the text is the one spelling of some bytes.
function decodeBase32(text) {
  const bytes = new Uint8Array(TOKEN_BYTES);
  let buffer = 0, bits = 0, length = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return null;
    buffer = ((buffer << 5) | value) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[length++] = (buffer >> bits) & 0xff;
    }
  }
  const spare = buffer & ((1 << bits) - 1);
  return length === TOKEN_BYTES && spare === 0 ? bytes : null;
}

// Returns {claims, signature, generation, event, from, until, id}, times in seconds, or {reason}.
export function parseToken(text) {
  if (!text.startsWith(PREFIX)) return { reason: "wrong prefix" };
  const rest = text.slice(PREFIX.length);
  const bytes = rest.length === TOKEN_CHARACTERS ? decodeBase32(rest) : null;
  if (bytes === null || bytes[0] !== 1) return { reason: "malformed" };
  const view = new DataView(bytes.buffer);
  return {
    claims: bytes.slice(0, CLAIM_BYTES),
    signature: bytes.slice(CLAIM_BYTES),
    generation: bytes[1],
    event: view.getUint32(2),
    from: view.getUint32(6),
    until: view.getUint32(10),
    id: bytes.slice(CLAIM_BYTES - TOKEN_ID_BYTES, CLAIM_BYTES),
  };
}

function join(first, second) {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

async function verifyByBrowser(publicKey, signature, message) {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

async function verifyByNoble(publicKey, signature, message) {
  const { verifyAsync } = await import("./noble-ed25519.js");
  return verifyAsync(signature, message, publicKey, { zip215: false });
}

const SELF_TEST = {
  key: "Gassy5C9d6nCZoXOugjHPWgiQM1bpeU6UEHtzVs6tkk", message: "gate",
  signature: "iX5W6Abo0VSo_IGoyBARvBEoLGBjLQ41b6uRy4Jk9MPx42-V--ViLwwBp_AGxxjxTyyzyY5CqWXCFf3sq9LAAg",
};
let verifyEd25519 = verifyByBrowser;

// A known signature is accepted, and refused for another message.
async function passesSelfTest(verify) {
  const key = fromBase64Url(SELF_TEST.key), signature = fromBase64Url(SELF_TEST.signature);
  const message = new TextEncoder().encode(SELF_TEST.message);
  try {
    return (await verify(key, signature, message)) && !(await verify(key, signature, message.slice(1)));
  } catch {
    return false;
  }
}

// Chooses what verifies signatures. Returns whether anything does: old browsers lack Ed25519, a
// checkout without network lacks the replacement, and plain http has neither.
export async function canVerify() {
  for (const verify of [verifyByBrowser, verifyByNoble]) {
    if (!(await passesSelfTest(verify))) continue;
    verifyEd25519 = verify;
    document.body.dataset.verifier = verify === verifyByBrowser ? "browser" : "noble";
    return true;
  }
  return false;
}

export function isDocumentSigned(text, signature, publicKey) {
  const message = join(DOCUMENT_PURPOSE, new TextEncoder().encode(text));
  return verifyEd25519(publicKey, signature, message);
}

// Returns {reason} or the token of a ticket of the pack's event that is valid at `seconds`.
export async function verifyToken(text, pack, seconds) {
  const token = parseToken(text);
  if (token.reason) return token;
  if (token.event !== pack.event.id) return { reason: "wrong event" };
  const key = pack.keys[token.generation];
  if (!key) return { reason: "unknown key" };
  if (!(await verifyEd25519(fromBase64Url(key), token.signature, join(PURPOSE, token.claims)))) {
    return { reason: "bad signature" };
  }
  if (seconds < token.from - CLOCK_SKEW_SECONDS) return { reason: "not yet valid", id: token.id };
  // the present end of the event counts, not the one at issue
  const until = Date.parse(pack.event.validUntil) / 1000;
  return seconds > until + CLOCK_SKEW_SECONDS ? { reason: "expired", id: token.id } : token;
}
