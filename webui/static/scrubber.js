// The date scrubber: a real range of months for keyboard and screen reader, a knob and years for fingers and mice.

import { monthName } from "./photo-days.js";

const YEAR_APART_PX = 34;
const REST_MS = 1600;

export class Scrubber {
  #months = [];
  #dragging = false;

  /** `words` name the months; `go(y)` scrolls the timeline to a height. */
  constructor(element, words, go) {
    this.words = words;
    this.element = element;
    this.go = go;
    this.range = element.querySelector("input");
    this.knob = element.querySelector("[data-knob]");
    this.bubble = element.querySelector("[data-bubble]");
    this.years = element.querySelector("[data-years]");
    this.range.addEventListener("input", () => this.#toMonth(Number(this.range.value)));
    this.range.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("pointerdown", (event) => this.#take(event));
    element.addEventListener("pointermove", (event) => this.#dragging && this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => this.#release());
  }

  /** Note where months begin and write the years where they are. */
  mark(days, grid) {
    this.grid = grid;
    this.#months = [];
    let known = "";
    days.forEach(({ day }, at) => {
      const month = day.slice(0, 7);
      if (month !== known) this.#months.push({ month, top: grid.tops[at] });
      known = month;
    });
    this.range.max = String(Math.max(0, this.#months.length - 1));
    this.element.hidden = this.#months.length < 2 || grid.height < innerHeight * 2;
    this.height = this.element.clientHeight;
    this.knobHeight = this.knob.offsetHeight;
    this.most = Math.max(1, grid.height - innerHeight);
    this.#write();
  }

  /** Years only where photos are, spaced by how many, none on top of another. */
  #write() {
    this.years.replaceChildren();
    const { height } = this;
    let last = -YEAR_APART_PX;
    let known = this.#months[0]?.month.slice(0, 4);
    for (const { month, top } of this.#months) {
      const year = month.slice(0, 4);
      if (year === known) continue;
      known = year;
      const at = (top / this.grid.height) * height;
      if (at - last < YEAR_APART_PX || at > height - YEAR_APART_PX / 2) continue;
      last = at;
      const label = document.createElement("span");
      label.textContent = year;
      label.style.setProperty("top", `${at}px`);
      this.years.append(label);
    }
  }

  /** Follow the page: it is at height `y`; `moved` when somebody moved it there, `racing` when fast. */
  show(y, moved, racing) {
    if (this.element.hidden || !this.#months.length) return;
    const part = Math.min(1, Math.max(0, y / this.most));
    this.#hang(Math.round(part * (this.height - this.knobHeight)));
    let at = this.#months.findLastIndex(({ top }) => top <= y + 1);
    if (at < 0) at = 0;
    if (at !== this.at) {
      this.at = at;
      const name = monthName(this.#months[at].month, this.words);
      this.range.value = String(at);
      this.range.setAttribute("aria-valuetext", name);
      this.bubble.textContent = name;
    }
    if (!moved) return;
    this.element.classList.add("moving");
    if (racing) this.element.classList.add("racing");
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.#dragging || this.element.classList.remove("moving", "racing"), REST_MS);
  }

  /** Hang knob and bubble `top` pixels down: they alone, since a property the years inherit would have all of them styled anew in every frame. */
  #hang(top) {
    if (top === this.hangs) return;
    this.hangs = top;
    for (const one of [this.knob, this.bubble]) one.style.setProperty("transform", `translateY(${top}px)`);
  }

  #toMonth(at) {
    const month = this.#months[at];
    if (month) this.go(month.top + 1);
  }

  /** Arrow keys go by month, Page keys by year; down is older, as on the page. */
  #key(event) {
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
    const at = Number(this.range.value);
    let to = steps[event.key] ? at + steps[event.key] : -1;
    if (event.key === "PageDown") to = this.#months.findIndex(({ month }) => month.slice(0, 4) < this.#months[at].month.slice(0, 4));
    if (event.key === "PageUp") to = this.#newerYear(at);
    if (event.key === "Home") to = 0;
    if (event.key === "End") to = this.#months.length - 1;
    if (!steps[event.key] && !["PageDown", "PageUp", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "PageDown" && to < 0) to = this.#months.length - 1;
    this.#toMonth(Math.max(0, Math.min(this.#months.length - 1, to)));
  }

  #newerYear(at) {
    const year = this.#months[at].month.slice(0, 4);
    const newer = this.#months.findLast(({ month }) => month.slice(0, 4) > year)?.month.slice(0, 4);
    return newer ? this.#months.findIndex(({ month }) => month.startsWith(newer)) : 0;
  }

  #take(event) {
    if (event.button) return;
    const knob = this.knob.getBoundingClientRect();
    this.top = this.element.getBoundingClientRect().top;
    const onKnob = event.clientY >= knob.top - 8 && event.clientY <= knob.bottom + 8;
    this.grip = onKnob ? event.clientY - knob.top : knob.height / 2;
    this.#dragging = true;
    this.element.classList.add("dragging");
    this.element.setPointerCapture(event.pointerId);
    if (!onKnob) this.#drag(event);
    event.preventDefault();
    this.range.focus({ preventScroll: true });
  }

  #drag(event) {
    const part = (event.clientY - this.grip - this.top) / (this.height - this.knobHeight);
    this.wish = Math.min(1, Math.max(0, part)) * this.most;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.go(this.wish);
    });
  }

  #release() {
    this.#dragging = false;
    this.element.classList.remove("dragging");
  }
}
