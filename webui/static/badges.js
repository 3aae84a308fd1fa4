// Marks on pictures that are not with friends yet: asked for together, only once the page rests; nothing means safe.

const REST_MS = 350;
const MOST = 200; // as the box takes at once (BADGES_AT_ONCE)
const AGAIN_MS = 30_000;
const SIGNS = { here: "on-this-box", going: "arrow-up-right" };

const words = JSON.parse(document.querySelector("[data-badge-words]").textContent);
const known = new Map();
let timer = 0;
let asking = false;
let isAlone = false;

function rest() {
  clearTimeout(timer);
  if (!isAlone) timer = setTimeout(() => (globalThis.requestIdleCallback ?? setTimeout)(look), REST_MS);
}

/** The pictures one can see now; the page does not move, so reading where they are costs no frame. */
function inSight() {
  const tiles = document.querySelectorAll("[data-days] [data-record], .found-grid [data-record]");
  return [...tiles].filter((tile) => {
    const { top, bottom } = tile.getBoundingClientRect();
    return tile.dataset.record && bottom > 0 && top < innerHeight;
  });
}

async function look() {
  if (asking || isAlone || document.visibilityState !== "visible") return;
  const tiles = inSight();
  for (const tile of tiles) mark(tile);
  const now = performance.now();
  const old = (id) => !known.has(id) || (known.get(id).state !== "safe" && now - known.get(id).at > AGAIN_MS);
  const ids = [...new Set(tiles.map((tile) => tile.dataset.record))].filter(old).slice(0, MOST);
  if (!ids.length) return;
  asking = true;
  const found = await ask(ids).catch(() => null);
  asking = false;
  if (!found) return;
  isAlone = found.alone;
  found.states.forEach((state, at) => known.set(ids[at], { state, at: now }));
  for (const tile of inSight()) mark(tile);
}

async function ask(ids) {
  const answer = await fetch("/copies", { method: "POST", body: new URLSearchParams({ ids: ids.join(",") }) });
  return answer.ok ? answer.json() : null;
}

function mark(tile) {
  const state = known.get(tile.dataset.record)?.state ?? "safe";
  const old = tile.querySelector(".not-yet");
  if ((old?.dataset.state ?? "safe") === state) return;
  if (old) {
    tile.setAttribute("aria-label", old.dataset.label);
    old.remove();
  }
  if (!SIGNS[state]) return;
  const made = document.createElement("span");
  made.className = "plate not-yet";
  made.dataset.state = state;
  made.dataset.label = tile.getAttribute("aria-label");
  made.append(icon(SIGNS[state]));
  tile.setAttribute("aria-label", `${made.dataset.label}, ${words[state]}`);
  tile.append(made);
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

addEventListener("scroll", rest, { passive: true });
for (const news of ["locker:stored", "locker:found", "locker:state", "visibilitychange"]) document.addEventListener(news, rest);
setInterval(rest, AGAIN_MS);
rest();
