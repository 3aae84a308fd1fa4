// What is known about a photo, below it: date, place, file, tags and note, kept as they are typed.

import { exposure } from "./exposure.js";
import { send } from "./select.js";

const SAVE_MS = 900;

export class Sheet {
  constructor(viewer) {
    this.piece = (name) => viewer.querySelector(`[data-${name}]`);
    this.words = JSON.parse(this.piece("words").textContent);
    const note = this.piece("note");
    note.addEventListener("input", () => {
      clearTimeout(this.saving);
      this.saving = setTimeout(() => this.#keepNote(), SAVE_MS);
    });
    note.addEventListener("change", () => this.#keepNote());
    this.piece("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keepNote();
    });
    this.piece("tag-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = this.piece("tag");
      if (field.value.trim()) this.#annotate({ add: field.value });
      field.value = "";
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
  }

  #show(facts) {
    this.facts = facts;
    this.piece("title").textContent = facts.title;
    this.piece("when").textContent = facts.when;
    this.piece("take").href = `/record/${facts.id}/file`;
    this.piece("more").href = `/record/${facts.id}`;
    const note = this.piece("note");
    if (document.activeElement !== note) note.value = facts.note;
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
    const note = this.piece("note").value;
    if (!this.facts || note.trim() === this.facts.note) return;
    this.facts.note = note.trim();
    await this.#annotate({ note }, this.words.kept);
  }

  async #annotate(fields, done = "") {
    const said = this.piece("note-said");
    const { facts } = this;
    try {
      const now = await send(`/photo/${facts.id}/annotate`, fields);
      if (this.facts?.id !== facts.id) return;
      Object.assign(this.facts, { tags: now.tags, note: now.note });
      this.#tags(now);
      said.textContent = done;
    } catch (error) {
      said.textContent = error.message;
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
