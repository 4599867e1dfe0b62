// The gate pack: sorted token ids in one array, found by halving.
import { fromBase64Url, isDocumentSigned, TOKEN_ID_BYTES } from "./token.js";

function compare(ids, index, id) {
  for (let place = 0; place < TOKEN_ID_BYTES; place++) {
    const difference = ids[index * TOKEN_ID_BYTES + place] - id[place];
    if (difference) return difference;
  }
  return 0;
}

// Returns the position of an id among sorted ids, or -1.
export function findId(ids, id) {
  let low = 0, high = ids.length / TOKEN_ID_BYTES - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compare(ids, middle, id);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

// Returns the pack ready for use. Throws unless it is signed by the pinned key and not older than
// the one that is held.
export async function openPack(answer, pinnedKey, held) {
  if (pinnedKey && pinnedKey !== answer.publicKey) throw new Error("pack key");
  const key = fromBase64Url(answer.publicKey);
  if (!(await isDocumentSigned(answer.pack, fromBase64Url(answer.signature), key))) throw new Error("pack signature");
  const pack = JSON.parse(answer.pack);
  if (pack.format !== 1) throw new Error("pack format");
  if (held && pack.version < held.version) throw new Error("pack age");
  return preparePack(pack);
}

export function preparePack(pack) {
  return {
    ...pack,
    refused: fromBase64Url(pack.refused),
    lists: pack.lists.map((list) => ({ ...list, used: fromBase64Url(list.used) })),
    tickets: { ...pack.tickets, ids: fromBase64Url(pack.tickets.ids) },
  };
}

// Returns {name, seat, type} of a ticket of the pack, as far as they are known, or null.
export function describe(pack, id) {
  const place = findId(pack.tickets.ids, id);
  if (place < 0) return null;
  const type = pack.types[pack.tickets.types[place]];
  return { name: pack.tickets.names?.[place] ?? "", seat: pack.tickets.seats?.[place] ?? "", type };
}
