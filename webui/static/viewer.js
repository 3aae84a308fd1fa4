// The viewer: one photo over the whole screen, its neighbours beside it, what is known about it in a sheet below.
//
// Over the grid it is a dialog with an address of its own; on the page of one photo it takes over what stands there.

import { PhotoDays } from "./photo-days.js";
import { Gestures } from "./zoom.js";
import { binThem } from "./select.js";
import { Sheet } from "./photo-sheet.js";

const SMALL = 256;
const LARGE = 1600;
const TURN_MS = 200;
const LARGEST_ORIGINAL = 80e6;

export class Viewer {
  /** The viewer of the grid's page; `leave(id, day)` when it closes. */
  static over(model, leave) {
    return new Viewer(document.querySelector("dialog[data-viewer]"), model, leave);
  }

  constructor(element, model, leave = null) {
    this.element = element;
    this.model = model;
    this.leave = leave;
    this.stage = element.querySelector("[data-stage]");
    this.strip = element.querySelector("[data-strip]");
    this.sheet = new Sheet(element);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.gestures = new Gestures(this.stage, {
      picture: () => this.current?.querySelector("img"),
      size: () => drawn(this.current),
      full: () => this.full,
      drag: (x, y) => this.#drag(x, y),
      swipe: (how) => this.#swipe(how),
      tap: () => (this.full ? this.stage.classList.toggle("bare") : this.setFull(true)),
      zoomed: (scale) => this.#zoomed(scale),
    });
    this.#listen();
  }

  get full() {
    return this.element.classList.contains("full");
  }

  #listen() {
    const on = (name, act) => this.element.querySelector(`[data-${name}]`)?.addEventListener("click", act);
    on("full", () => this.setFull(!this.full));
    on("details", () => this.setFull(!this.full));
    on("older", () => this.step(1));
    on("newer", () => this.step(-1));
    on("delete", (event) => {
      event.preventDefault();
      this.#delete();
    });
    for (const name of ["note-button", "tags-button"]) on(name, () => this.#toField(name));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    if (this.leave) {
      on("back", (event) => {
        event.preventDefault();
        history.back();
      });
      this.element.addEventListener("cancel", (event) => {
        event.preventDefault();
        history.back();
      });
      addEventListener("popstate", () => this.#popped());
    }
    document.addEventListener("locker:preview", ({ detail }) => detail?.id === this.item?.id && this.#sharpen(this.current, this.item));
  }

  // ---- open and close

  open(id, day, small) {
    history.pushState({ photo: id, day }, "", `/photo/${id}`);
    this.#appear({ id, day, small });
  }

  #appear(item) {
    this.sheet.clear();
    this.setFull(true);
    this.stage.classList.remove("bare");
    if (!this.element.open) this.element.showModal();
    document.body.classList.add("viewing");
    this.element.scrollTop = 0;
    this.show(item);
  }

  #popped() {
    const { photo, day } = history.state ?? {};
    if (photo) this.#appear({ id: photo, day });
    else if (this.element.open) {
      const { id, day: shownDay } = this.item ?? {};
      this.element.close();
      document.body.classList.remove("viewing");
      this.strip.replaceChildren();
      this.current = this.item = null;
      this.leave(id, shownDay);
    }
  }

  /** Take over the photo that stands on this page. */
  adopt(item) {
    this.current = this.strip.firstElementChild;
    this.item = item;
    this.sheet.adopt(item);
    this.setFull(false);
    if (!item.is_video) this.#sharpen(this.current, item);
    this.#neighbours();
  }

  setFull(full) {
    this.gestures.reset();
    this.element.classList.toggle("full", full);
    this.element.querySelector("[data-full]")?.setAttribute("aria-pressed", String(full));
    if (!full) this.element.scrollTop = 0;
  }

  // ---- which photo

  async show(item, known = null) {
    this.item = item;
    const slide = known ?? this.#slide(item);
    if (!known) this.strip.replaceChildren(slide);
    this.current = slide;
    this.gestures.reset();
    const facts = await this.sheet.load(item.id);
    if (this.item?.id !== item.id || !facts) return;
    Object.assign(item, facts);
    if (facts.is_video) this.#film(slide, facts);
    this.#neighbours();
  }

  #slide(item) {
    const slide = document.createElement("div");
    const picture = new Image();
    slide.className = "slide";
    slide.dataset.id = item.id;
    picture.alt = "";
    picture.draggable = false;
    picture.src = item.small ?? `/preview/${item.id}/${SMALL}?soon`;
    slide.append(picture);
    this.#sharpen(slide, item);
    return slide;
  }

  /** First what the grid had, then the large preview once it is decoded. */
  async #sharpen(slide, item, tries = 0) {
    const large = new Image();
    large.src = `/preview/${item.id}/${LARGE}?soon`;
    const made = await large.decode().then(() => true, () => false);
    if (!slide?.isConnected && this.current !== slide) return;
    const picture = slide.querySelector("img");
    if (made && picture && !slide.dataset.original) picture.src = large.src;
    if (!made && tries < 5) setTimeout(() => this.#sharpen(slide, item, tries + 1), 600 * 2 ** tries);
  }

  #film(slide, facts) {
    if (slide.querySelector("video")) return;
    const film = document.createElement("video");
    film.controls = true;
    film.playsInline = true;
    film.preload = "metadata";
    if (facts.has_preview) film.poster = `/preview/${facts.id}/${LARGE}`;
    film.src = `/record/${facts.id}/file`;
    slide.replaceChildren(film);
    film.addEventListener("error", () => slide.classList.add("cannot"));
  }

  /** Enlarged: the original, if a browser can draw it; of all others the largest preview is there already. */
  async #zoomed(scale) {
    this.element.classList.toggle("zoomed", scale > 1.01);
    const slide = this.current;
    const { item } = this;
    if (scale < 1.3 || !slide || slide.dataset.original || !item?.is_drawable || item.bytes > LARGEST_ORIGINAL) return;
    slide.dataset.original = "coming";
    const original = new Image();
    original.src = `/record/${item.id}/file`;
    const made = await original.decode().then(() => true, () => false);
    if (made && slide.isConnected) slide.querySelector("img").src = original.src;
  }

  async #neighbours() {
    const { item } = this;
    if (!this.model.days.length) await this.model.load().catch(() => {});
    const [newer, older] = await Promise.all([-1, 1].map((step) => this.model.beside(item.id, item.day, step).catch(() => null)));
    if (this.item !== item) return;
    this.beside = { newer, older };
    for (const [name, found] of Object.entries(this.beside)) {
      const button = this.element.querySelector(`[data-${name}]`);
      if (button) button.hidden = !found;
      const slide = found && this.#slide(found);
      this.strip.querySelector(`.${name}`)?.remove();
      if (!slide) continue;
      slide.classList.add(name);
      slide.inert = true;
      this.strip[name === "newer" ? "prepend" : "append"](slide);
    }
  }

  // ---- going on

  #drag(x, y) {
    if (!this.full || Math.abs(x) < Math.abs(y)) return;
    const held = (x > 0 && !this.beside?.newer) || (x < 0 && !this.beside?.older);
    this.strip.style.setProperty("transform", `translateX(${held ? x / 4 : x}px)`);
  }

  #swipe(how) {
    if (how === "older" || how === "newer") this.step(how === "older" ? 1 : -1);
    else this.#settle(0);
    if (how === "up" && this.full) this.setFull(false);
    if (how === "down" && this.full && this.leave) history.back();
  }

  #settle(x) {
    const from = this.strip.style.getPropertyValue("transform") || "none";
    this.strip.style.removeProperty("transform");
    const to = x ? `translateX(${x}px)` : "none";
    if (from === to || this.calm) return Promise.resolve();
    return this.strip.animate([{ transform: from }, { transform: to }], { duration: TURN_MS, easing: "cubic-bezier(.2,.7,.2,1)" }).finished;
  }

  /** Go to the older (1) or newer (-1) neighbour; at either end nothing moves. */
  async step(way) {
    const next = this.beside?.[way > 0 ? "older" : "newer"];
    if (!next || this.turning) {
      this.#settle(0);
      return;
    }
    this.turning = true;
    this.current.querySelector("video")?.pause();
    const slide = this.strip.querySelector(way > 0 ? ".older" : ".newer");
    await this.#settle(-way * (this.stage.clientWidth + 16));
    this.turning = false;
    slide.classList.remove("older", "newer");
    slide.inert = false;
    this.strip.replaceChildren(slide);
    this.beside = null;
    history.replaceState(history.state ? { photo: next.id, day: next.day } : null, "", `/photo/${next.id}`);
    this.show(next, slide);
  }

  async #delete() {
    const { item, beside } = this;
    const next = beside?.older ?? beside?.newer;
    if (!(await binThem([item.id]))) return;
    this.model.drop(new Set([item.id]));
    if (next && this.item === item) {
      history.replaceState(history.state ? { photo: next.id, day: next.day } : null, "", `/photo/${next.id}`);
      this.show(next);
    } else if (this.leave) history.back();
    else location.assign("/photos");
  }

  #toField(name) {
    this.setFull(false);
    const field = this.element.querySelector(name === "note-button" ? "[data-note]" : "[data-tag]");
    field.focus({ preventScroll: true });
    field.scrollIntoView({ block: "center", behavior: this.calm ? "auto" : "smooth" });
  }

  #key(event) {
    if (event.target.closest("input, textarea, video") || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      i: () => this.setFull(!this.full),
      "+": () => this.gestures.toggle(),
      "-": () => this.gestures.reset(),
      Delete: () => this.#delete(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}

/** How large the picture of a slide is on the screen before it is enlarged. */
function drawn(slide) {
  const picture = slide?.querySelector("img");
  if (!picture?.naturalWidth) return { width: 0, height: 0 };
  const share = Math.min(picture.clientWidth / picture.naturalWidth, picture.clientHeight / picture.naturalHeight);
  return { width: picture.naturalWidth * share, height: picture.naturalHeight * share };
}

const alone = document.querySelector("main[data-viewer]");
if (alone) {
  const item = JSON.parse(alone.querySelector("[data-photo]").textContent);
  new Viewer(alone, new PhotoDays()).adopt(item);
}
