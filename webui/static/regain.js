// Friends bring somebody back: while digits are compared the page follows by itself. Works without it, too.

const SOON_MS = 4000;
const LATER_MS = 60_000;

/** Put what changed into the page; the words, or another form, need the whole page. */
function take(fresh) {
  const old = document.querySelector("[data-regain]");
  const found = fresh?.querySelector("[data-regain]");
  if (!old) return;
  if (!found || old.dataset.regain !== found.dataset.regain) {
    location.replace("/regain");
    return;
  }
  if (!old.isEqualNode(found)) old.replaceWith(document.importNode(found, true));
  later();
}

function look() {
  const typing = [...document.querySelectorAll("textarea")].some((field) => field.value.trim());
  if (document.visibilityState !== "visible" || typing || document.querySelector("form[data-sent]")) {
    later();
    return;
  }
  const asking = new XMLHttpRequest();
  asking.responseType = "document";
  asking.addEventListener("load", () => (asking.status === 200 ? take(asking.response) : later()));
  asking.addEventListener("error", later);
  asking.open("GET", "/regain");
  asking.send();
}

function later() {
  const soon = document.querySelector("[data-regain]")?.dataset.regain === "soon";
  setTimeout(look, soon ? SOON_MS : LATER_MS);
}

later();
