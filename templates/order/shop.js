"use strict";
const rupiah = (amount) => "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
const currentPage = () => document.querySelector("main");

function updateTotal() {
  const selects = [...document.querySelectorAll("select[data-price]")];
  const sum = selects.reduce((all, one) => all + Number(one.dataset.price) * Number(one.value), 0);
  document.querySelector("#total").textContent = rupiah(sum);
}

// A form that somebody fills in is not replaced; the next poll tries again.
const isTyping = () => currentPage().contains(document.activeElement) && document.activeElement.matches("input");

function show(fresh) {
  currentPage().replaceWith(fresh);
  const changed = [...fresh.querySelectorAll(".status, .status ~ .note")];
  document.querySelector("#announcer").textContent = changed.map((one) => one.textContent.trim()).join(". ");
}

async function refresh() {
  try {
    const response = await fetch(location.pathname, { cache: "no-store" });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("main");
    if (fresh.dataset.state !== currentPage().dataset.state && !isTyping()) show(fresh);
  } catch {
    // no network: the next poll tries again
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  schedulePoll();
}

// Opens the payment in this page. Without the gateway's script, or if anything is refused, the form
// is sent as without scripts. Callbacks can be forged, so they only make the page ask the server.
async function payHere(submission) {
  const form = submission.target;
  const button = submission.submitter;
  const leadsToPayment = "pays" in form.dataset && !(button && button.hasAttribute("formaction"));
  if (!window.snap || !leadsToPayment) return;
  submission.preventDefault();
  try {
    const body = new URLSearchParams(new FormData(form));
    const headers = { Accept: "application/json" };
    const response = await fetch(form.action, { method: "POST", headers, body });
    const { token } = await response.json();
    window.snap.pay(token, { onSuccess: refresh, onPending: refresh, onError: refresh, onClose: refresh });
  } catch {
    form.submit();
  }
}

// Short intervals first, for buyers who come back from the gateway and wait for their tickets; they
// grow to five times `data-poll`, so that a page left open for an hour causes little load.
let polls = 0;
function schedulePoll() {
  const seconds = Number(currentPage().dataset.poll || 0) * Math.min(5, 0.25 + polls++ / 20);
  if (seconds) setTimeout(poll, seconds * 1000);
}

if (document.querySelector("#total")) {
  document.addEventListener("change", updateTotal);
  document.querySelector("#sum").hidden = false;
  updateTotal();
}
document.addEventListener("submit", payHere);
schedulePoll();
