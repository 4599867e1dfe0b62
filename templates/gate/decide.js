// The verdict of a gate without network: {verdict, reason, ticket, related, isNew}.
import { describe, findId } from "./pack.js";
import { toBase64Url, verifyToken } from "./token.js";

// `passages` are the admitted scans of this phone for the ticket on the list, oldest first.
export async function decide({ text, pack, list, direction, passages, milliseconds }) {
  if (milliseconds > Date.parse(pack.expiresAt)) return { verdict: "refused", reason: "pack expired" };
  const token = await verifyToken(text, pack, milliseconds / 1000);
  if (token.reason) return { verdict: "refused", reason: token.reason };
  const tokenId = toBase64Url(token.id);
  if (findId(pack.refused, token.id) >= 0) return { verdict: "refused", reason: "revoked", tokenId };
  const ticket = describe(pack, token.id);
  if (list.types !== null && !(ticket && list.types.includes(ticket.type.id))) {
    return { verdict: "refused", reason: "not on this list", tokenId, ticket };
  }
  const seen = await passages(tokenId);
  const last = seen[seen.length - 1];
  const wasUsed = findId(list.used, token.id) >= 0;
  const hasLeft = last?.direction === "exit";
  const related = last ? { at: last.at, gate: "" } : null;
  const common = { tokenId, ticket, isNew: ticket === null };
  if (direction === "exit") {
    return (last ? !hasLeft : wasUsed) ? { verdict: "admitted", ...common } : { verdict: "refused", reason: "not inside", ...common };
  }
  const isUsed = last ? !hasLeft || !list.allowsReentry : wasUsed;
  if (isUsed) return { verdict: "refused", reason: "already used", related, ...common };
  return { verdict: "admitted", ...common };
}
