"use strict";
const rupiah = (amount) => "Rp" + String(amount).replace(/\B(?=(\d{3})+$)/g, ".");
const shown = () => document.querySelector("main");

function addUp() {
  const chosen = [...document.querySelectorAll("select[data-price]")];
  const sum = chosen.reduce((all, one) => all + Number(one.dataset.price) * Number(one.value), 0);
  document.querySelector("#total").textContent = rupiah(sum);
}

async function look() {
  try {
    const answer = document.hidden ? null : await fetch(location.pathname, { cache: "no-store" });
    if (answer && answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main");
      if (fresh.dataset.state !== shown().dataset.state) shown().replaceWith(fresh);
    }
  } catch {
    // no network: it comes back
  }
  lookAgain();
}

// who waits longer looks less often: a page left open for an hour asks little of anybody
let looks = 0;
function lookAgain() {
  const seconds = Number(shown().dataset.look || 0) * Math.min(5, 1 + looks++ / 20);
  if (seconds) setTimeout(look, seconds * 1000);
}

if (document.querySelector("#total")) {
  document.addEventListener("change", addUp);
  document.querySelector("#sum").hidden = false;
  addUp();
}
lookAgain();
