// Select many: any `[data-record="<id>"]` inside `[data-selectable]`, by long press, check mark, Shift or keyboard.
//
// Elements may come and go (the photo grid is virtual): what is selected is kept here, elements are only painted.
// `selection` tells "change"; the document hears `locker:gone` and `locker:back` with `{ids}`.

import { number, sentence } from "./amounts.js";

const PRESS_MS = 420;
const MOVED_PX = 10;
const CORNER_PX = 44;
const AT_ONCE = 1000;
const TOAST_MS = 6000;

let bar = document.querySelector("[data-select-bar]");
const words = bar ? JSON.parse(bar.querySelector("[data-words]").textContent) : {};

function fill(key, count, more = {}) {
  return sentence(words, key, { count, ...more });
}

class Selection extends EventTarget {
  ids = new Set();
  active = false;
  last = "";

  begin() {
    if (this.active) return;
    this.active = true;
    this.#tell();
  }

  end() {
    this.active = false;
    this.ids.clear();
    this.last = "";
    this.#tell();
  }

  has(id) {
    return this.ids.has(id);
  }

  set(ids, on) {
    for (const id of ids) {
      if (on) this.ids.add(id);
      else this.ids.delete(id);
    }
    if (on) this.active = true;
    this.#tell();
  }

  toggle(id) {
    this.last = id;
    this.set([id], !this.ids.has(id));
  }

  #tell() {
    document.body.classList.toggle("selecting", this.active);
    this.dispatchEvent(new Event("change"));
  }
}

export const selection = new Selection();

/** Show on a record whether it is selected; for elements made later. */
export function paint(record) {
  const { active } = selection;
  if (active) {
    record.setAttribute("role", "checkbox");
    record.setAttribute("aria-checked", String(selection.has(record.dataset.record)));
  } else {
    record.removeAttribute("role");
    record.removeAttribute("aria-checked");
  }
}

function paintAll() {
  for (const record of document.querySelectorAll("[data-selectable] [data-record]")) paint(record);
}

/** POST a form to the box; raises what a person should read. A session that ended can be opened again in place. */
export async function send(address, fields) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "application/json" } }).catch(() => null);
  const found = await answer?.json().catch(() => null);
  if (answer?.ok && found) return found;
  if (answer?.status === 401) document.dispatchEvent(new Event("locker:ended"));
  throw new Error(found?.error ? `${found.error.sentence} ${found.error.advice}` : words.away);
}

async function sendAll(address, ids, fields = {}) {
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    await send(address, { ...fields, ids: ids.slice(at, at + AT_ONCE).join(",") });
  }
}

/** One sentence above the tabs, with at most one thing to do about it. */
export function toast(sentence, label = "", action = () => {}) {
  for (const old of document.querySelectorAll(".toast")) old.remove();
  const shown = document.createElement("div");
  const said = document.createElement("span");
  shown.className = "toast";
  said.setAttribute("role", "status");
  shown.append(said);
  if (label) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      shown.remove();
      action();
    });
    shown.append(button);
  }
  (document.querySelector("dialog[open]") ?? document.body).append(shown);
  said.textContent = sentence;
  const leave = () => (shown.matches(":focus-within, :hover") ? setTimeout(leave, TOAST_MS / 3) : shown.remove());
  setTimeout(leave, TOAST_MS);
}

/** Put records into the bin, with a way back. Returns true when it is done. */
export async function binThem(ids) {
  try {
    await sendAll("/selection/delete", ids);
  } catch (error) {
    toast(error.message);
    return false;
  }
  document.dispatchEvent(new CustomEvent("locker:gone", { detail: { ids: new Set(ids) } }));
  toast(fill("deleted", ids.length), words.undo, async () => {
    try {
      await sendAll("/selection/undelete", ids);
      document.dispatchEvent(new CustomEvent("locker:back", { detail: { ids: new Set(ids) } }));
      toast(fill("back", ids.length));
    } catch (error) {
      toast(error.message);
    }
  });
  return true;
}

/** Let the browser save a zip of `ids`: it streams from the box, nothing is gathered here. */
function takeHome(ids) {
  if (ids.length > AT_ONCE) {
    toast(words["too-many"].replace("{count}", number(AT_ONCE)));
    return;
  }
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/selection/zip";
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "ids";
  field.value = ids.join(",");
  form.append(field);
  document.body.append(form);
  document.dispatchEvent(new Event("locker:download"));
  form.submit();
  form.remove();
  toast(fill("zip", ids.length));
}

// ---- how records are chosen

function recordOf(event) {
  const record = event.target.closest?.("[data-selectable] [data-record]");
  return record?.dataset.record ? record : null;
}

/** Everything between the record chosen last and `record`, in the order of the page. */
function between(record) {
  const all = [...record.closest("[data-selectable]").querySelectorAll("[data-record]")];
  const ids = all.map((one) => one.dataset.record);
  const [from, to] = [ids.indexOf(selection.last), ids.indexOf(record.dataset.record)].sort((one, other) => one - other);
  return from < 0 ? [record.dataset.record] : ids.slice(from, to + 1);
}

function inCorner(event, record) {
  const box = record.getBoundingClientRect();
  const corner = Math.min(CORNER_PX, box.width / 3); // the middle of a small picture opens it
  return event.pointerType !== "touch" && event.clientX - box.left < corner && event.clientY - box.top < corner && matchMedia("(hover: hover)").matches;
}

let press = null;
let pressed = false;

function listen() {
  document.addEventListener("pointerdown", (event) => {
    const record = recordOf(event);
    pressed = false;
    if (!record || event.pointerType === "mouse") return;
    press = { x: event.clientX, y: event.clientY };
    press.timer = setTimeout(() => {
      pressed = true;
      navigator.vibrate?.(12);
      selection.toggle(record.dataset.record);
    }, PRESS_MS);
  });
  document.addEventListener("pointermove", (event) => {
    if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > MOVED_PX) clearTimeout(press.timer);
  });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => clearTimeout(press?.timer));
  document.addEventListener("contextmenu", (event) => {
    if (recordOf(event) && event.pointerType === "touch") event.preventDefault();
  });
  document.addEventListener("click", choose, true);
  document.addEventListener("keydown", (event) => {
    const record = recordOf(event);
    if (record && (event.key === "x" || event.key === " ") && !event.target.matches("input, button")) {
      event.preventDefault();
      selection.toggle(record.dataset.record);
    } else if (event.key === "Escape" && selection.active && !document.querySelector("dialog[open]")) selection.end();
  });
  document.addEventListener("locker:gone", ({ detail }) => selection.set(detail.ids, false));
  document.addEventListener("locker:found", () => selection.end()); // nothing is done to what is out of sight now
}

function choose(event) {
  const record = recordOf(event);
  if (!record || event.ctrlKey || event.metaKey || event.target.closest("button")) return;
  if (pressed) {
    pressed = false;
  } else if (selection.active && event.shiftKey && selection.last) {
    selection.set(between(record), true);
  } else if (selection.active || inCorner(event, record)) {
    selection.toggle(record.dataset.record);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

// ---- the bar

function tags() {
  const dialog = document.querySelector("[data-tag-dialog]");
  const field = dialog.querySelector("input");
  const said = dialog.querySelector("[data-said]");
  said.hidden = true;
  field.value = "";
  dialog.showModal();
  dialog.querySelector("form").onsubmit = async (event) => {
    if (event.submitter?.value === "no") return;
    event.preventDefault();
    const ids = [...selection.ids];
    try {
      await sendAll("/selection/tag", ids, { tag: field.value.trim() });
      dialog.close();
      toast(fill("tagged", ids.length, { tag: field.value.trim() }));
      selection.end();
    } catch (error) {
      said.textContent = error.message;
      said.hidden = false;
    }
  };
}

function show() {
  if (!bar) return;
  const count = selection.ids.size;
  bar.hidden = !selection.active;
  bar.querySelector("[data-count]").textContent = count ? fill("count", count) : words.none;
  for (const button of bar.querySelectorAll("[data-act]")) button.disabled = !count;
  document.querySelector("[data-select]")?.setAttribute("aria-pressed", String(selection.active));
  paintAll();
}

/** Take the buttons of this page into use; pages are put in place of each other while files are sent (walking.js). */
function arrive() {
  bar = document.querySelector("[data-select-bar]");
  if (!bar) return;
  const begin = document.querySelector("[data-select]");
  if (begin) {
    begin.hidden = !document.querySelector("[data-selectable] [data-record]");
    begin.addEventListener("click", () => (selection.active ? selection.end() : selection.begin()));
  }
  const acts = {
    zip: () => takeHome([...selection.ids]),
    tag: tags,
    delete: async () => (await binThem([...selection.ids])) && selection.end(),
  };
  for (const button of bar.querySelectorAll("[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]());
  bar.querySelector("[data-end]").addEventListener("click", () => selection.end());
}

if (bar) {
  listen();
  selection.addEventListener("change", show);
  arrive();
  document.addEventListener("locker:page", () => {
    selection.end();
    arrive();
  });
}
