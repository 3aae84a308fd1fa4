// How many files of the upload sheet are with friends: asked together and seldom, while the sheet is open; without a
// circle it is asked once and stays hidden.

import { number, sentence } from "./amounts.js";

const MOST = 200; // as the box takes at once (BADGES_AT_ONCE)
const FIRST_MS = 600;
const EVERY_MS = 15_000;

export class WithFriends {
  #timer = null;
  #hasCircle = null;
  #jobs = [];

  /** `part` is the piece of the sheet that says it; `changed` is called when more is known. */
  constructor(part, words, changed) {
    Object.assign(this, { part, words, changed });
  }

  /** Show how many of `jobs` are safe; while the sheet is open, ask about the others. */
  see(jobs, isOpen) {
    this.#jobs = jobs;
    this.part.hidden = !this.#hasCircle || !jobs.length;
    if (isOpen && this.#hasCircle !== false && this.#waiting().length) {
      this.#timer ??= setTimeout(() => this.#ask(), this.#hasCircle === null ? FIRST_MS : EVERY_MS);
    }
    if (this.part.hidden) return;
    const safe = jobs.filter((job) => job.safe).length;
    const bar = this.part.querySelector("[role=progressbar]");
    this.part.querySelector("[data-safe-count]").textContent = sentence(this.words, "part", { done: number(safe), all: number(jobs.length) });
    bar.firstElementChild.style.transform = `scaleX(${safe / jobs.length})`;
    bar.setAttribute("aria-valuenow", String(Math.floor((100 * safe) / jobs.length)));
  }

  #waiting() {
    return this.#jobs.filter((job) => job.record && !job.safe);
  }

  async #ask() {
    const asked = this.#waiting().slice(0, MOST);
    const body = new URLSearchParams({ ids: asked.map((job) => job.record).join(",") });
    const answer = await fetch("/copies", { method: "POST", body }).catch(() => null);
    const found = answer?.ok ? await answer.json().catch(() => null) : null;
    this.#timer = null;
    if (!found) return;
    this.#hasCircle = !found.alone;
    found.states.forEach((state, at) => (asked[at].safe = state === "safe"));
    this.changed();
  }
}
