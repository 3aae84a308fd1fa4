// A record's page: the note keeps itself, tags come and go in place, the way back is the way one came.

const PAUSE_MS = 700;

const page = document.querySelector("[data-record-page]");
const words = JSON.parse(document.querySelector(".measure > [data-words]").textContent);
const id = page.dataset.recordPage;
const draft = `locker.note.${id}`;

/** Send fields to the record; returns note and tags, or null when nothing was kept. */
async function annotate(fields, more = {}) {
  const body = new URLSearchParams(fields);
  const options = { method: "POST", body, headers: { Accept: "application/json" }, ...more };
  const answer = await fetch(`/record/${id}/annotate`, options).catch(() => null);
  if (answer?.status === 401) document.dispatchEvent(new Event("locker:ended"));
  if (!answer?.ok || answer.redirected) return null; // away, or the door: what was typed stays here
  return answer.json().catch(() => null);
}

// ---- the note

const form = document.querySelector("[data-note]");
const note = form.querySelector("textarea");
const said = form.querySelector("[data-note-said]");
let kept = note.value;
let timer = 0;
let keeping = null;

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  note.style.setProperty("height", "auto");
  note.style.setProperty("height", `${note.scrollHeight + 2}px`);
}

async function keep() {
  clearTimeout(timer);
  if (keeping) await keeping;
  if (note.value === kept || note.readOnly) return;
  const sent = note.value;
  said.textContent = words.keeping;
  keeping = annotate({ note: sent });
  const answer = await keeping;
  keeping = null;
  if (!answer) {
    said.textContent = words.away;
    timer = setTimeout(keep, 10 * PAUSE_MS);
    return;
  }
  kept = sent;
  if (note.value === sent) {
    sessionStorage.removeItem(draft);
    said.textContent = words.kept;
  } else keep();
}

function later() {
  grow();
  sessionStorage.setItem(draft, note.value);
  said.textContent = "";
  clearTimeout(timer);
  timer = setTimeout(keep, PAUSE_MS);
}

if (!note.readOnly) {
  form.querySelector("[data-note-keep]").hidden = true;
  note.addEventListener("input", later);
  note.addEventListener("blur", keep);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keep();
  });
  addEventListener("pagehide", () => {
    if (note.value !== kept) annotate({ note: note.value }, { keepalive: true });
  });
  addEventListener("online", keep);
  document.addEventListener("locker:opened", keep);
  const typed = sessionStorage.getItem(draft);
  if (typed !== null && typed !== note.value) {
    note.value = typed;
    said.textContent = words.draft;
    timer = setTimeout(keep, PAUSE_MS);
  }
}
grow();

// ---- tags

const list = document.querySelector("[data-tags]");
const adding = document.querySelector("[data-tag-add]");

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon s16");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

function chip(tag) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const name = document.createElement("bdi");
  const drop = document.createElement("button");
  item.className = "chip tag-chip";
  link.href = `/find?${new URLSearchParams({ tag })}`;
  name.textContent = tag;
  link.append(name);
  drop.type = "button";
  drop.className = "icon-button";
  drop.dataset.drop = tag;
  drop.setAttribute("aria-label", words.drop.replace("{tag}", tag));
  drop.append(icon("x"));
  item.append(link, drop);
  return item;
}

async function change(fields, problem) {
  const answer = await annotate(fields);
  if (!answer) {
    problem();
    return;
  }
  list.replaceChildren(...answer.tags.map(chip));
}

if (adding) {
  adding.addEventListener("submit", (event) => {
    event.preventDefault();
    const field = adding.querySelector("input");
    const tag = field.value.trim();
    if (!tag) return;
    field.value = "";
    change({ add: tag }, () => (field.value = tag));
  });
  list.addEventListener("submit", (event) => {
    event.preventDefault();
    change({ remove: event.target.querySelector("[name=remove]").value }, () => event.target.submit());
  });
  list.addEventListener("click", (event) => {
    const drop = event.target.closest("[data-drop]");
    if (drop) change({ remove: drop.dataset.drop }, () => location.reload());
  });
}

// ---- the page itself

document.querySelector("[data-page-view]")?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.currentTarget.classList.toggle("whole");
});
document.querySelector("[data-back]").addEventListener("click", (event) => {
  if (!globalThis.navigation?.canGoBack) return;
  event.preventDefault();
  history.back();
});
