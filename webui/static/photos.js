// The Photos place: every day of the locker on one page with an exact scroll bar; new photos appear as they come in.

import { PhotoDays } from "./photo-days.js";
import { Wall } from "./photo-wall.js";
import { Scrubber } from "./scrubber.js";
import { paint, selection } from "./select.js";

const RACING_PX_PER_MS = 6;
const SETTLED_MS = 90;
const SOON_MS = 30;
const LOOKS_APART_MS = 700;
const LOOK_AGAIN_MS = 20000;
const SLOW_MS = 2000;
const MOST_TRIES = 100;
const PLACE = "photos-place";

class LockerPhotos extends HTMLElement {
  #frame = 0;
  #last = { y: 0, at: 0 };
  looked = 0;

  connectedCallback() {
    this.words = JSON.parse(this.querySelector("[data-words]").textContent);
    this.model = new PhotoDays();
    if (!this.dataset.later) this.#start();
  }

  async #start() {
    const slow = this.querySelector("[data-slow]");
    const host = this.querySelector("[data-days]");
    const patience = setTimeout(() => {
      slow.hidden = Boolean(host.childElementCount);
    }, SLOW_MS);
    try {
      await this.model.load();
      this.#begin(host);
    } catch {
      this.#away();
    }
    clearTimeout(patience);
    slow.hidden = true;
  }

  /** The box does not answer: say so, keep what is on the page. */
  #away() {
    const said = this.querySelector("[data-away]");
    said.hidden = false;
    said.querySelector("[data-again]").onclick = () => {
      said.hidden = true;
      if (this.wall) this.model.again();
      else this.#start();
    };
  }

  #begin(host) {
    document.querySelector("[data-earlier]")?.remove();
    this.scrubber = new Scrubber(this.querySelector("[data-scrubber]"), this.words, (y) => this.wall.scrollTo(y));
    this.wall = new Wall(host, this.model, this.words);
    this.wall.onhang = paint;
    this.#lay();
    history.scrollRestoration = "manual";
    this.#arrive();
    this.#update();
    this.#listen();
    this.#hear();
    setTimeout(() => this.#viewer());
  }

  /** The viewer comes after the wall hangs: it is as much again, and nobody needs it for the first look. */
  #viewer() {
    this.viewing ??= import("./viewer.js").then(({ Viewer }) => Viewer.over(this.model, (id, day) => this.#reveal(id, day)));
    this.viewing.catch(() => (this.viewing = null)); // the box was away: asked for again at the next tap
    return this.viewing;
  }

  #lay() {
    this.wall.lay();
    this.scrubber.mark(this.model.days, this.wall.grid);
    const any = this.model.days.length > 0;
    document.querySelector("[data-empty]")?.toggleAttribute("hidden", any);
    document.querySelector("[data-select]")?.toggleAttribute("hidden", !any);
  }

  #relay() {
    this.wall.look();
    const { place } = this.wall;
    this.#lay();
    this.wall.go(place);
    this.#update();
  }

  #listen() {
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
    addEventListener("pagehide", () => sessionStorage.setItem(PLACE, JSON.stringify(this.wall.place)));
    addEventListener("hashchange", () => this.#toHash());
    new ResizeObserver(() => {
      if (this.querySelector("[data-days]").clientWidth !== this.wall.width) this.#relay();
    }).observe(this);
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("click", (event) => this.#click(event));
  }

  /** News of the locker, told by the live line of the page; without one this looks again now and then. */
  #hear() {
    this.model.addEventListener("change", (event) => (event.moved ? this.#relay() : this.#soon(false)));
    this.model.addEventListener("away", () => this.#away());
    const look = () => {
      this.looking ||= setTimeout(() => this.look(), performance.now() - this.looked > LOOKS_APART_MS ? SOON_MS : LOOKS_APART_MS);
    };
    for (const name of ["state", "stored", "changed", "back"]) document.addEventListener(`locker:${name}`, look);
    document.addEventListener("locker:preview", ({ detail }) => detail?.id && this.wall.pictures.made(detail.id));
    document.addEventListener("locker:gone", ({ detail }) => this.model.drop(detail.ids) && this.#relay());
    document.addEventListener("visibilitychange", () => document.hidden || look());
    setInterval(() => document.hidden || look(), LOOK_AGAIN_MS);
  }

  /** Ask what changed and show it, without moving what is being looked at. */
  async look() {
    this.looking = 0;
    this.looked = performance.now();
    const changed = await this.model.refresh().catch(() => false);
    if (changed) this.#relay();
  }

  // ---- where

  #arrive() {
    const [entry] = performance.getEntriesByType("navigation");
    const place = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
    sessionStorage.removeItem(PLACE);
    if (location.hash) this.#toHash();
    else if (place && entry?.type !== "navigate") this.wall.go(place);
  }

  #toHash() {
    const day = location.hash.slice(1);
    if (/^\d{4}-\d{2}-\d{2}$/.test(day)) this.wall.go({ day, part: 0 });
  }

  /** Bring the photo that was looked at last into sight, and the keyboard to it. */
  #reveal(id, day) {
    if (!this.wall.tile(id)) this.wall.go({ day, part: 0 });
    for (let tries = 0; tries < MOST_TRIES && !this.wall.tile(id) && this.wall.update(); tries += 1); // a frame brings only some
    this.#update();
    const tile = this.wall.tile(id);
    tile?.scrollIntoView({ block: "nearest" });
    tile?.focus({ preventScroll: true });
  }

  #scrolled() {
    const now = performance.now();
    this.wall.look();
    const { y } = this.wall;
    const speed = Math.abs(y - this.#last.y) / Math.max(1, now - this.#last.at);
    this.#last = { y, at: now };
    this.racing = speed > RACING_PX_PER_MS;
    if (this.racing) this.wall.pictures.hold(true);
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.#settled(), SETTLED_MS);
    this.#soon(true);
  }

  #settled() {
    this.racing = false;
    this.model.want(...this.wall.inSight);
    this.wall.pictures.hold(false);
    this.#soon(true);
  }

  /** Change the page in the next frame, and never between frames: who scrolls then finds the layout done. */
  #soon(moved) {
    this.#frame ||= requestAnimationFrame(() => this.#update(moved));
  }

  #update(moved = false) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.wall.update(this.racing)) this.#soon(moved);
    this.scrubber.show(this.wall.y, moved, this.racing);
    if (this.model.days.length) this.#wantSoon();
  }

  /** Ask for what is in sight, at most every few frames: who races through the years passes most of it. */
  #wantSoon() {
    this.wanting ||= setTimeout(() => {
      this.wanting = 0;
      this.model.want(...this.wall.inSight);
    }, SETTLED_MS / 2);
  }

  // ---- what is done with photos

  async #click(event) {
    const all = event.target.closest(".check-day");
    if (all) {
      const items = await this.model.of(this.model.find(all.dataset.day));
      const ids = items.map(({ id }) => id);
      selection.set(ids, !ids.every((id) => selection.has(id)));
      return;
    }
    const tile = event.target.closest("[data-record]");
    if (!tile || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const small = tile.querySelector("img")?.src;
    try {
      (await this.#viewer()).open(tile.dataset.record, tile.dataset.day, small);
    } catch {
      location.assign(tile.href);
    }
  }

  /** Arrow keys move from photo to photo, also beyond what exists on the page. */
  #key(event) {
    const tile = event.target.closest?.("[data-record]");
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: "down", ArrowUp: "up" };
    const step = steps[event.key];
    if (!tile || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const tiles = [...this.wall.tiles()].sort((one, other) => one.compareDocumentPosition(other) & 4 ? -1 : 1);
    const next = typeof step === "number" ? tiles[tiles.indexOf(tile) + step] : nearest(tile, tiles, step);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }
}

/** The closest of `tiles` in the next row down or up. */
function nearest(tile, tiles, where) {
  const from = tile.getBoundingClientRect();
  const boxes = tiles.map((one) => ({ one, box: one.getBoundingClientRect() }));
  const beyond = boxes.filter(({ box }) => (where === "down" ? box.top >= from.bottom - 1 : box.bottom <= from.top + 1));
  const far = ({ box }) => Math.abs(box.top - from.top) * 4 + Math.abs(box.left - from.left);
  return beyond.sort((one, other) => far(one) - far(other))[0]?.one;
}

customElements.define("locker-photos", LockerPhotos);
