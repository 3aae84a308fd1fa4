// The wall the photos hang on: of a page as tall as the whole locker only the days and pictures in sight exist.

import { sentence } from "./amounts.js";
import { dayName } from "./photo-days.js";
import { Grid } from "./photo-grid.js";
import { Pace } from "./pace.js";
import { Pictures, plate } from "./pictures.js";

const HEAD_REM = 3.625;
const AFTER_REM = 0.25;
const SPARE = 0.7;
const SPARE_TILES = 80;
const LEAST_A_FRAME = 2;
const LEAVE_A_FRAME = 3;
const FRAME_MS = 4;
const DAY_WEIGHT = 2; // a day that enters takes as long as two pictures
const [SMALL, MIDDLE] = [256, 768];

function make(name, classes) {
  const element = document.createElement(name);
  element.className = classes;
  return element;
}

export class Wall {
  #host;
  #model;
  #words;
  #shown = new Map();
  #spare = [];
  #drawn = new Map();
  #names = new Map();
  #pace = new Pace();
  #left = 0;
  #days = 0;
  #until = 0;
  #above = 0;
  #screen = 0;

  /** Hang the days of `model` into `host`; what the server drew there stays where it is, so that nothing flickers. */
  constructor(host, model, words) {
    this.#host = host;
    this.#model = model;
    this.#words = words;
    this.ready = new Map();
    this.pictures = new Pictures(this.#pace);
    for (const element of host.querySelectorAll(".day")) this.#drawn.set(element.id, element);
    host.style.setProperty("height", `${host.offsetHeight}px`); // or the page would jump to its top
    host.classList.add("virtual");
  }

  /** Lay out anew from the counts. */
  lay() {
    for (const tile of this.tiles()) {
      const picture = tile.querySelector("img");
      if (picture) this.ready.set(tile.dataset.record, picture);
    }
    for (const at of [...this.#shown.keys()]) this.#leave(at);
    const style = getComputedStyle(this.#host);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const columns = Number(style.getPropertyValue("--columns")) || 3;
    const gap = parseFloat(style.getPropertyValue("--gap")) || 5;
    this.width = this.#host.clientWidth;
    this.#above = this.#host.getBoundingClientRect().top + scrollY;
    this.look();
    this.grid = new Grid({ width: this.width, columns, gap, head: HEAD_REM * rem, after: AFTER_REM * rem });
    this.grid.lay(this.#model.days);
    this.#host.style.setProperty("height", `${this.grid.height}px`);
    this.#host.style.setProperty("--cell", `${this.grid.cell}px`);
  }

  /** Note how far down the timeline the screen is: when it scrolls, before anything changes, so that no layout is forced. */
  look() {
    this.y = scrollY - this.#above;
    this.#screen = innerHeight;
  }

  scrollTo(y) {
    scrollTo(0, y + this.#above);
    this.y = y;
  }

  /** The stretch that is kept in the page: what is seen and a little more. */
  get #stretch() {
    const spare = this.#screen * SPARE;
    return [this.y - spare, this.y + this.#screen + spare];
  }

  /** Positions of the first and the last day in that stretch. */
  get inSight() {
    return this.#stretch.map((y) => this.grid.dayAt(y));
  }

  /**
   * Make what came into sight, drop what left it; few days and pictures at a time, no pictures while somebody is `racing` through.
   * Returns true when there is more to do: call it again in the next frame.
   */
  update(racing = false) {
    if (!this.#model.days.length) return this.#forget();
    this.#pace.begin();
    this.#left = racing ? 0 : this.#pace.share;
    this.#days = Math.ceil(this.#pace.share / DAY_WEIGHT);
    this.#until = performance.now() + FRAME_MS;
    const [from, to] = this.#stretch;
    const first = this.grid.dayAt(from);
    const last = this.grid.dayAt(to);
    const gone = [...this.#shown.keys()].filter((at) => at < first || at > last);
    for (const at of gone.slice(0, LEAVE_A_FRAME)) this.#leave(at);
    let before = null;
    let more = gone.length > LEAVE_A_FRAME;
    for (let at = first; at <= last; at += 1) {
      const wait = before && !this.#isDrawn(at) && (this.#days <= 0 || this.#late);
      const shown = this.#shown.get(at) ?? (wait ? null : this.#enter(at, before));
      if (shown) this.#fill(shown, at, from, to);
      else more = true;
      before = shown?.element ?? before;
    }
    more ||= this.#left <= 0 && !racing;
    if (!more) this.ready.clear();
    this.#forget();
    return more;
  }

  /** Whether this frame has taken as long as one may: on a slow phone less comes at a time. */
  get #late() {
    return performance.now() > this.#until;
  }

  #isDrawn(at) {
    return this.#drawn.has(this.#model.days[at].day);
  }

  /** Drop what the server drew of days that are not in sight. */
  #forget() {
    for (const element of this.#drawn.values()) element.remove();
    this.#drawn.clear();
    return false;
  }

  /** A day and how far down in it the top of the screen is; null at the very top. */
  get place() {
    const { y } = this;
    if (y <= 0 || !this.#model.days.length) return null;
    const at = this.grid.dayAt(y);
    return { day: this.#names.get(at), part: (y - this.grid.tops[at]) / (this.grid.tops[at + 1] - this.grid.tops[at]) };
  }

  /** Bring a place back to the top of the screen, wherever it lies now. */
  go(place) {
    const at = place?.day ? this.#model.near(place.day) : -1;
    if (at < 0) return;
    const height = this.grid.tops[at + 1] - this.grid.tops[at];
    this.scrollTo(this.grid.tops[at] + (this.#model.days[at].day === place.day ? place.part * height : 0));
  }

  /** All tiles that exist. */
  *tiles() {
    for (const { tiles } of this.#shown.values()) yield* tiles.values();
  }

  tile(id) {
    for (const tile of this.tiles()) if (tile.dataset.record === id) return tile;
    return null;
  }

  #enter(at, before) {
    this.#left -= DAY_WEIGHT;
    this.#days -= 1;
    const day = this.#model.days[at];
    const drawn = this.#drawn.get(day.day);
    const element = drawn ?? make("section", "day");
    this.#drawn.delete(day.day);
    element.id = day.day;
    element.style.setProperty("top", `${this.grid.tops[at]}px`);
    element.style.setProperty("height", `${this.grid.tops[at + 1] - this.grid.tops[at]}px`);
    const head = drawn?.querySelector(".head") ?? make("div", "head");
    const title = make("h2", "voice-day");
    const named = dayName(day.day, this.#words);
    title.textContent = named;
    const all = make("button", "check-day");
    all.type = "button";
    all.dataset.day = day.day;
    all.setAttribute("aria-label", this.#words["select-day"].replace("{day}", named));
    const count = make("span", "label");
    count.textContent = sentence(this.#words, "count", { count: day.count });
    head.replaceChildren(title, count, all);
    const shown = { element, named, tiles: new Map() };
    if (drawn) this.#adopt(shown, day);
    else {
      element.append(head, make("div", "tiles"));
      if (before) before.after(element);
      else this.#host.prepend(element);
    }
    this.#shown.set(at, shown);
    this.#names.set(at, day.day);
    return shown;
  }

  /** Take over the pictures the server drew of a day: they are its first ones, and stay the same elements. */
  #adopt(shown, day) {
    const holder = shown.element.lastElementChild;
    holder.className = "tiles";
    [...holder.children].forEach((tile, index) => {
      const id = tile.dataset.record;
      const picture = tile.querySelector("img");
      const edge = this.#lie(tile, day, index);
      const bring = () => this.#bring(tile, id, edge);
      picture?.removeAttribute("loading");
      if (!picture || (picture.complete && !picture.naturalWidth)) bring();
      else if (!picture.complete) picture.addEventListener("error", () => tile.dataset.record === id && bring(), { once: true });
      shown.tiles.set(index, tile);
      this.onhang?.(tile);
    });
  }

  #leave(at) {
    const shown = this.#shown.get(at);
    shown.element.remove(); // first: what is done to its pictures then costs no style and no layout
    for (const [index, tile] of shown.tiles) this.#drop(shown, index, tile);
    this.#shown.delete(at);
  }

  #fill(shown, at, from, to) {
    const day = this.#model.days[at];
    const items = day.items ?? day.before;
    if (!items) {
      shown.element.classList.toggle("ghost", shown.tiles.size < day.count);
      return;
    }
    const [first, last] = this.grid.between(at, Math.min(day.count, items.length), from, to);
    for (const [index, tile] of shown.tiles) {
      if (index < first || index > last || items[index].id !== tile.dataset.record) this.#drop(shown, index, tile);
    }
    let before = null;
    let missing = 0;
    for (let index = first; index <= last; index += 1) {
      const tile = shown.tiles.get(index) ?? (this.#left > 0 ? this.#hang(shown, day, items[index], index, before) : null);
      if (this.#left <= this.#pace.share - LEAST_A_FRAME && this.#late) this.#left = 0;
      before = tile ?? before;
      if (!tile) missing += 1;
    }
    shown.element.classList.toggle("ghost", missing > 0);
  }

  #drop(shown, index, tile) {
    shown.tiles.delete(index);
    if (shown.element.isConnected) tile.remove();
    this.pictures.drop(tile);
    tile.dataset.record = "";
    if (this.#spare.length < SPARE_TILES) this.#spare.push(tile);
  }

  #hang(shown, day, item, index, before) {
    this.#left -= 1;
    const tile = this.#spare.pop() ?? document.createElement("a");
    if (tile.firstChild) tile.replaceChildren(); // what it showed before goes now: a frame in which days leave has enough to do
    const edge = this.#lie(tile, day, index);
    tile.href = `/photo/${item.id}`;
    tile.dataset.record = item.id;
    tile.setAttribute("aria-label", this.#words[item.video ? "video" : "photo"].replace("{day}", shown.named));
    if (item.video) tile.append(plate(item.length));
    shown.tiles.set(index, tile);
    if (before) before.after(tile);
    else shown.element.lastElementChild.prepend(tile);
    this.#bring(tile, item.id, edge);
    this.onhang?.(tile);
    return tile;
  }

  /** Lay `tile` where picture `index` of `day` belongs; returns how large a preview it takes. */
  #lie(tile, day, index) {
    const { left, top, side, span } = this.grid.place(index, day.count);
    tile.className = ["tile", ...this.grid.corners(index, day.count)].join(" ");
    tile.style.setProperty("left", `${left}px`);
    tile.style.setProperty("top", `${top}px`);
    tile.style.setProperty("width", `${side}px`);
    tile.style.setProperty("height", `${side}px`);
    tile.dataset.day = day.day;
    tile.draggable = false;
    return span > 1 ? MIDDLE : SMALL;
  }

  #bring(tile, id, edge) {
    const ready = this.ready.get(id);
    if (ready?.complete && ready.naturalWidth && ready.src.endsWith(`/${edge}?soon`)) {
      tile.prepend(ready);
    } else {
      this.pictures.want(tile, `/preview/${id}/${edge}?soon`);
    }
  }
}
