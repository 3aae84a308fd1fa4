// Finding while typing: the page of every search is fetched as a document and its results put in place here.
//
// The address always says what is shown, so that back, reload and a shared tablet work. What was searched for is
// remembered in this tab alone (sessionStorage) and for this member alone.

const WAIT_MS = 150;
const SAY_SO_MS = 400;
const KEPT = 5;

const finder = document.querySelector("[data-finder]");
const field = document.getElementById("q");
const looking = document.querySelector("[data-looking]");
const away = document.querySelector("[data-away]");
const memory = `locker.found.${finder.dataset.member}`;

let results = document.querySelector("[data-results]");
let asking = null;
let timer = 0;
let settled = true;
let wanted = location.href;

/** Fetch a page of this site as a document. A request that is overtaken answers null. */
function page(address) {
  asking?.abort();
  const request = (asking = new XMLHttpRequest());
  return new Promise((resolve, reject) => {
    request.open("GET", address);
    request.responseType = "document";
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("abort", () => resolve(null));
    request.addEventListener("error", () => reject(new TypeError("away")));
    request.send();
  });
}

/** Show what `address` finds. `how`: "type" replaces the entry of the history, "go" adds one, "back" leaves it. */
async function show(address, how) {
  wanted = address;
  results.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => (looking.hidden = false), SAY_SO_MS);
  try {
    const answer = await page(address);
    if (!answer || address !== wanted) return;
    const found = answer.response?.querySelector("[data-results]");
    if (!found || new URL(answer.responseURL).pathname !== "/find") {
      location.assign(address); // the locker was locked meanwhile: the door keeps the way back
      return;
    }
    put(found, answer.response);
    const shown = new URL(address, location.href);
    if (how === "go" || (how === "type" && settled)) history.pushState(null, "", shown);
    else if (how === "type") history.replaceState(null, "", shown);
    settled = how !== "type";
    away.hidden = true;
  } catch {
    if (address === wanted) away.hidden = false;
  } finally {
    clearTimeout(slow);
    if (address === wanted) {
      looking.hidden = true;
      results.setAttribute("aria-busy", "false");
    }
  }
}

function put(found, whole) {
  const focused = document.activeElement?.id;
  const fresh = document.importNode(found, true);
  results.replaceWith(fresh);
  results = fresh;
  const title = document.querySelector("[data-title]");
  title.className = whole.querySelector("[data-title]").className;
  document.title = whole.title;
  const clear = document.querySelector("[data-clear]");
  clear.hidden = !field.value && whole.querySelector("[data-clear]").hidden;
  if (document.activeElement === document.body && focused) document.getElementById(focused)?.focus();
  recent();
  document.dispatchEvent(new Event("locker:found"));
}

/** The address the form would lead to; fields without a value are left out. */
function address() {
  const fields = [...new FormData(finder)].filter(([, value]) => value.trim());
  const query = new URLSearchParams(fields).toString();
  return `/find${query ? `?${query}` : ""}`;
}

// ---- remembered searches

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(memory) ?? "[]").filter((one) => typeof one === "string");
  } catch {
    return [];
  }
}

function remember() {
  const typed = field.value.trim();
  if (typed.length < 2) return;
  const others = remembered().filter((one) => one !== typed && !typed.startsWith(one));
  sessionStorage.setItem(memory, JSON.stringify([typed, ...others].slice(0, KEPT)));
}

function recent() {
  const part = results.querySelector("[data-recent]");
  const all = remembered();
  if (!part || !all.length) return;
  const list = part.querySelector("[data-recent-list]");
  const row = part.querySelector("[data-recent-row]");
  list.replaceChildren(
    ...all.map((typed) => {
      const copy = row.content.cloneNode(true);
      copy.querySelector("a").href = `/find?${new URLSearchParams({ q: typed })}`;
      copy.querySelector("bdi").textContent = typed;
      return copy;
    }),
  );
  part.hidden = false;
}

// ---- what people do

field.addEventListener("input", () => {
  clearTimeout(timer);
  document.querySelector("[data-clear]").hidden = !field.value;
  timer = setTimeout(() => show(address(), "type"), WAIT_MS);
});

finder.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  remember();
  settled = true;
  if (matchMedia("(hover: none)").matches) field.blur(); // the keyboard makes room for what was found
  show(address(), address() === location.pathname + location.search ? "back" : "go");
});

document.addEventListener("change", (event) => {
  if (event.target.form === finder && event.target !== field) show(address(), "go");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const to = new URL(link.href);
  if (results.contains(link) && to.pathname !== "/find") remember();
  const ours = results.contains(link) || link.matches("[data-clear]");
  if (!ours || to.origin !== location.origin || to.pathname !== "/find" || to.searchParams.has("from")) return;
  event.preventDefault();
  clearTimeout(timer);
  field.value = to.searchParams.get("q") ?? "";
  if (link.matches("[data-clear]")) field.focus();
  show(link.href, "go");
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-forget]")) {
    sessionStorage.removeItem(memory);
    results.querySelector("[data-recent]").hidden = true;
  } else if (event.target.closest?.("[data-again]")) show(wanted, "back");
});

addEventListener("popstate", () => {
  field.value = new URL(location.href).searchParams.get("q") ?? "";
  show(location.href, "back");
});
addEventListener("online", () => away.hidden || show(wanted, "back"));

recent();
if (field.value.trim() !== (new URL(location.href).searchParams.get("q") ?? "").trim()) show(address(), "type"); // typed before this script came
