"""Snap's script for the shop's own page: it opens the payment page in a modal."""

PATH = "/snap/snap.js"
PAGE_PATH = "/snap/v4/redirection/"

# like the vendor's: it needs the client key, runs callbacks in the shop's page, and closes itself
SCRIPT = """\
"use strict";
(() => {
  const script = document.currentScript;
  const origin = new URL(script.src).origin;
  const close = (frame) => frame && frame.remove();
  const current = () => document.getElementById("snap-midtrans");
  function pay(token, callbacks = {}) {
    if (!script.dataset.clientKey) throw new Error("snap.js: data-client-key is missing");
    close(current());
    const frame = document.createElement("iframe");
    frame.id = "snap-midtrans";
    frame.title = "Midtrans";
    frame.src = `${origin}PAGE_PATH${encodeURIComponent(token)}`;
    frame.style = "position:fixed;inset:0;width:100%;height:100%;border:0;z-index:999999";
    const listen = (message) => {
      if (message.source !== frame.contentWindow || message.origin !== origin) return;
      window.removeEventListener("message", listen);
      close(frame);
      const callback = callbacks[message.data.callback];
      if (callback) callback(message.data.result);
    };
    window.addEventListener("message", listen);
    document.body.append(frame);
  }
  window.snap = { pay, hide: () => close(current()) };
})();
""".replace("PAGE_PATH", PAGE_PATH)

# in the payment page: inside a modal, the link back tells the shop's page how it went instead
BACK_TO_SHOP = """<script type="module">
const back = document.querySelector("[data-callback]");
if (back && window.parent !== window) back.addEventListener("click", (click) => {
  click.preventDefault();
  const result = Object.fromEntries(new URL(back.href).searchParams);
  window.parent.postMessage({ callback: back.dataset.callback, result }, "*");
});
</script>"""


def callback_name(status: str) -> str:
    """Return the callback for a status of the transaction; empty means that there is none yet."""
    if not status:
        return "onClose"
    if status in {"capture", "settlement"}:
        return "onSuccess"
    return "onPending" if status in {"pending", "authorize"} else "onError"
