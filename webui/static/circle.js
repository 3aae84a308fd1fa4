// The circle: it stays true while somebody looks at it, and friends are asked by whatever this device writes messages with.

const OLD_MS = 60_000;
let loaded = Date.now();
let asking = null;

function withShare(root) {
  if (!navigator.share) return;
  for (const link of root.querySelectorAll("[data-ask]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      navigator.share({ text: link.dataset.ask }).catch(() => {});
    });
  }
}

/** Take what changed out of a fresh copy of the page; the focus stays on the link it was on. */
function take(fresh) {
  const old = document.querySelector("[data-living]");
  const found = fresh?.querySelector("[data-living]");
  if (!old || !found) {
    location.reload();
    return;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const living = document.importNode(found, true);
  withShare(living);
  old.replaceWith(living);
  loaded = Date.now();
  if (focused) living.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function renew() {
  if (document.visibilityState !== "visible") return;
  asking?.abort();
  asking = new XMLHttpRequest();
  asking.responseType = "document";
  asking.addEventListener("load", ({ target }) => {
    if (target.status === 200 && target.responseURL === location.href) take(target.response);
  });
  asking.open("GET", location.href);
  asking.send();
}

withShare(document);
document.documentElement.dataset.awake = "yes";
document.addEventListener("locker:circle", renew);
document.addEventListener("visibilitychange", () => {
  if (Date.now() - loaded > OLD_MS) renew();
});
