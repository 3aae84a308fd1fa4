// News of the locker as they happen: one line to the box per browser, whichever of its pages is looked at.
// Dispatched on the document: locker:state, locker:stored, locker:changed, locker:preview, locker:upload, locker:circle, locker:locked;
// `detail` holds what the box said (ids, never names). After a gap "locker:state" comes again: look anew.

const NEWS = ["state", "stored", "changed", "preview", "upload", "circle", "locked"];
const AGAIN_MS = 5000;
const HIDDEN_MS = 10_000;

const others = globalThis.BroadcastChannel ? new BroadcastChannel("locker-live") : null;
let line = null;
let letGo = null;
let asking = false;

function tell(what, detail) {
  document.dispatchEvent(new CustomEvent(`locker:${what}`, { detail }));
}

function connect() {
  line = new EventSource("/live");
  for (const what of NEWS) {
    line.addEventListener(what, (event) => {
      const detail = JSON.parse(event.data);
      others?.postMessage({ what, detail });
      tell(what, detail);
    });
  }
  line.addEventListener("error", () => {
    if (line?.readyState !== EventSource.CLOSED) return;
    line = null;
    setTimeout(() => letGo && connect(), AGAIN_MS);
  });
}

/** Be the page that holds the line, as soon as no other one does. */
function begin() {
  if (asking || letGo) return;
  asking = true;
  const hold = () => {
    asking = false;
    if (document.visibilityState !== "visible") return null;
    connect();
    return new Promise((resolve) => {
      letGo = resolve;
    });
  };
  if (navigator.locks) navigator.locks.request("locker-live", hold);
  else hold();
}

function end() {
  line?.close();
  line = null;
  letGo?.();
  letGo = null;
}

let hidden;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (document.visibilityState === "visible") begin();
  else hidden = setTimeout(end, HIDDEN_MS);
});
addEventListener("pagehide", end);
if (others) others.onmessage = ({ data }) => tell(data.what, data.detail);
if (document.visibilityState === "visible") begin();
