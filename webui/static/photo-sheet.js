// What is known about a photo, below it: date, place, file, tags and note, kept as they are typed.

import { showCopies } from "./copies.js";
import { exposure } from "./exposure.js";
import { send } from "./select.js";

const SAVE_MS = 900;
const draft = (id) => `locker.note.${id}`; // what was typed until the box has it; shared with record.js

export class Sheet {
  constructor(viewer) {
    this.viewer = viewer;
    this.piece = (name) => viewer.querySelector(`[data-${name}]`);
    this.words = JSON.parse(this.piece("words").textContent);
    const note = this.piece("note");
    note.addEventListener("input", () => {
      if (this.facts) sessionStorage.setItem(draft(this.facts.id), note.value);
      clearTimeout(this.saving);
      this.saving = setTimeout(() => this.#keepNote(), SAVE_MS);
    });
    note.addEventListener("change", () => this.#keepNote());
    for (const [whose, back] of [[document, "locker:opened"], [window, "online"]]) whose.addEventListener(back, () => this.#keepNote());
    this.piece("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keepNote();
    });
    this.piece("tag-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#addTag(this.piece("tag"));
    });
    this.piece("tags").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      event.preventDefault();
      this.#annotate({ remove: button.value });
    });
    for (const one of viewer.querySelectorAll("[data-without-script]")) one.hidden = true;
  }

  clear() {
    this.facts = null;
    for (const name of ["title", "when", "note-said"]) this.piece(name).textContent = "";
    showCopies(this.viewer, null);
    this.piece("facts").replaceChildren();
    this.piece("tags").replaceChildren();
    this.piece("note").value = "";
  }

  /** Ask the box about `id` and show it; null when it does not answer. */
  async load(id) {
    await this.#keepNote();
    const answer = await fetch(`/photos/item/${id}`, { headers: { Accept: "application/json" } }).catch(() => null);
    const facts = answer?.ok ? await answer.json() : null;
    if (!facts) return null;
    this.#show(facts);
    return facts;
  }

  /** Take over what the server wrote. */
  adopt(facts) {
    this.facts = facts;
    this.#camera(facts);
    this.#drafted();
  }

  #show(facts) {
    const isSame = this.facts?.id === facts.id;
    this.facts = facts;
    this.piece("title").textContent = facts.title;
    this.piece("when").textContent = facts.when;
    this.piece("take").href = `/record/${facts.id}/file`;
    this.piece("more").href = `/record/${facts.id}`;
    const note = this.piece("note");
    if (!isSame || document.activeElement !== note) note.value = facts.note;
    this.#drafted();
    showCopies(this.viewer, facts.copies);
    this.piece("facts").replaceChildren(...facts.facts.map(([label, value]) => row(label, value)));
    this.#tags(facts);
    this.#camera(facts);
  }

  #tags(facts) {
    const chips = facts.tags.map((tag) => {
      const chip = this.piece("tag-chip").content.cloneNode(true).firstElementChild;
      chip.querySelector("[data-name]").textContent = tag;
      const button = chip.querySelector("button");
      button.value = tag;
      button.setAttribute("aria-label", this.words["tag-remove"].replace("{tag}", tag));
      return chip;
    });
    this.piece("tags").replaceChildren(...chips);
  }

  /** Camera and exposure stand in the first bytes of a JPEG; they are read here, in the browser. */
  async #camera(facts) {
    if (facts.mime !== "image/jpeg" || facts.in_bin) return;
    const found = await exposure(`/record/${facts.id}/file`).catch(() => "");
    if (!found || this.facts?.id !== facts.id) return;
    const made = row(this.words.camera, found);
    const old = this.piece("facts").querySelector("[data-camera]");
    made.dataset.camera = "";
    if (old) old.replaceWith(made);
    else this.piece("facts").prepend(made);
  }

  async #keepNote() {
    clearTimeout(this.saving);
    const { facts } = this;
    const note = this.piece("note").value;
    if (!facts || facts.in_bin || note.trim() === facts.note || note === this.sending) return;
    this.sending = note;
    const isKept = await this.#annotate({ note }, this.words.kept);
    this.sending = null;
    if (isKept && sessionStorage.getItem(draft(facts.id)) === note) sessionStorage.removeItem(draft(facts.id));
  }

  /** What was typed here before and never reached the box stands in its field again, and goes now. */
  #drafted() {
    const typed = sessionStorage.getItem(draft(this.facts.id));
    if (typed === null || this.facts.in_bin) return;
    this.piece("note").value = typed;
    this.saving = setTimeout(() => this.#keepNote(), SAVE_MS);
  }

  /** A tag the box did not get stays in its field. */
  async #addTag(field) {
    const add = field.value;
    field.value = "";
    if (add.trim() && !(await this.#annotate({ add }))) field.value ||= add;
  }

  async #annotate(fields, done = "") {
    const said = this.piece("note-said");
    const { facts } = this;
    try {
      const now = await send(`/photo/${facts.id}/annotate`, fields);
      if (this.facts?.id !== facts.id) return true;
      Object.assign(this.facts, { tags: now.tags, note: now.note });
      this.#tags(now);
      said.textContent = done;
      return true;
    } catch (error) {
      said.textContent = error.message;
      return false;
    }
  }
}

function row(label, value) {
  const made = document.createElement("div");
  const term = document.createElement("dt");
  const said = document.createElement("dd");
  const isolated = document.createElement("bdi");
  term.textContent = label;
  isolated.textContent = value;
  said.append(isolated);
  made.append(term, said);
  return made;
}
