// A locker on its way home: the page stays true while somebody looks at it, until everything is here.

const EVERY_MS = 2000;
const ENDED = "done";

const shown = (name) => document.querySelector(`[data-living="${name}"]`);

/** Put what changed in the place of what was there; the focus stays on the link it was on. */
function take(fresh) {
  const focused = document.activeElement?.getAttribute("href");
  for (const name of ["village", "main"]) {
    const [old, found] = [shown(name), fresh.querySelector(`[data-living="${name}"]`)];
    if (old && found && !old.isEqualNode(found)) old.replaceWith(document.importNode(found, true));
  }
  document.title = fresh.title;
  if (focused && document.activeElement === document.body) document.querySelector(`main [href="${CSS.escape(focused)}"]`)?.focus();
}

function look() {
  const again = () => shown("main")?.dataset.state !== ENDED && setTimeout(look, EVERY_MS);
  if (document.visibilityState !== "visible") {
    again();
    return;
  }
  const asking = new XMLHttpRequest();
  asking.responseType = "document";
  asking.addEventListener("load", () => {
    if (asking.status === 200 && asking.responseURL !== location.href) location.reload(); // to the door: the box was restarted
    else if (asking.response?.querySelector("[data-living]")) take(asking.response);
    again();
  });
  asking.addEventListener("error", again); // the box is being switched on again, perhaps
  asking.open("GET", location.href);
  asking.send();
}

document.documentElement.dataset.awake = "yes";
if (shown("main")?.dataset.state !== ENDED) setTimeout(look, EVERY_MS);
