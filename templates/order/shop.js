"use strict";
const rupiah = (amount) => "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
const currentPage = () => document.querySelector("main");

function updateTotal() {
  const selects = [...document.querySelectorAll("select[data-price]")];
  const sum = selects.reduce((all, one) => all + Number(one.dataset.price) * Number(one.value), 0);
  document.querySelector("#total").textContent = rupiah(sum);
}

async function poll() {
  try {
    const response = document.hidden ? null : await fetch(location.pathname, { cache: "no-store" });
    if (response && response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.querySelector("main");
      if (fresh.dataset.state !== currentPage().dataset.state) currentPage().replaceWith(fresh);
    }
  } catch {
    // no network: the next poll tries again
  }
  schedulePoll();
}

// The interval grows up to fivefold, so a page left open for an hour causes little load.
let polls = 0;
function schedulePoll() {
  const seconds = Number(currentPage().dataset.poll || 0) * Math.min(5, 1 + polls++ / 20);
  if (seconds) setTimeout(poll, seconds * 1000);
}

if (document.querySelector("#total")) {
  document.addEventListener("change", updateTotal);
  document.querySelector("#sum").hidden = false;
  updateTotal();
}
schedulePoll();
