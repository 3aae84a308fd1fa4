// The wall the photos hang on: of a page as tall as the whole locker only the days and pictures in sight exist.

import { Grid } from "./photo-grid.js";
import { Pictures } from "./pictures.js";

const HEAD_REM = 3.625;
const AFTER_REM = 0.25;
const SPARE = 0.7;
const SPARE_TILES = 80;
const SMALL = 256;
const MIDDLE = 768;

export function make(name, classes) {
  const element = document.createElement(name);
  element.className = classes;
  return element;
}

export function icon(name, extra = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", `icon ${extra}`);
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language);
const weekday = new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });

export class Wall {
  #host;
  #model;
  #words;
  #shown = new Map();
  #spare = [];
  #names = new Map();

  /** Hang the days of `model` into `host`; pictures that are there already (`ready`: id -> img) are used. */
  constructor(host, model, words, ready) {
    this.#host = host;
    this.#model = model;
    this.#words = words;
    this.ready = ready;
    this.pictures = new Pictures();
    host.classList.add("virtual");
    host.replaceChildren();
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
    this.grid = new Grid({ width: this.width, columns, gap, head: HEAD_REM * rem, after: AFTER_REM * rem });
    this.grid.lay(this.#model.days);
    this.#host.style.setProperty("height", `${this.grid.height}px`);
    this.#host.style.setProperty("--cell", `${this.grid.cell}px`);
  }

  /** How far down the timeline the top of the screen is. */
  get y() {
    return -this.#host.getBoundingClientRect().top;
  }

  scrollTo(y) {
    scrollTo(0, y + this.#host.getBoundingClientRect().top + scrollY);
  }

  /** The stretch that is kept in the page: what is seen and a little more. */
  get #stretch() {
    const spare = innerHeight * SPARE;
    const { y } = this;
    return [y - spare, y + innerHeight + spare];
  }

  /** Positions of the first and the last day in that stretch. */
  get inSight() {
    return this.#stretch.map((y) => this.grid.dayAt(y));
  }

  /** Make what came into sight, drop what left it. */
  update() {
    if (!this.#model.days.length) return;
    const [from, to] = this.#stretch;
    const first = this.grid.dayAt(from);
    const last = this.grid.dayAt(to);
    for (const at of this.#shown.keys()) if (at < first || at > last) this.#leave(at);
    let before = null;
    for (let at = first; at <= last; at += 1) {
      const shown = this.#shown.get(at) ?? this.#enter(at, before);
      this.#fill(shown, at, from, to);
      before = shown.element;
    }
    this.ready.clear();
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

  title(day) {
    const [year, , date] = day.split("-").map(Number);
    const when = new Date(`${day}T00:00:00Z`);
    const sentence = this.#words[year === new Date().getFullYear() ? "day" : "day-year"];
    const fields = { weekday: weekday.format(when), day: date, month: month.format(when), year };
    return sentence.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
  }

  #enter(at, before) {
    const day = this.#model.days[at];
    const element = make("section", "day");
    element.id = day.day;
    element.style.setProperty("top", `${this.grid.tops[at]}px`);
    element.style.setProperty("height", `${this.grid.tops[at + 1] - this.grid.tops[at]}px`);
    const head = make("div", "head");
    const title = make("h2", "voice-day");
    title.textContent = this.title(day.day);
    const all = make("button", "check-day");
    all.type = "button";
    all.dataset.day = day.day;
    all.setAttribute("aria-label", this.#words["select-day"].replace("{day}", title.textContent));
    all.append(icon("check", "s16"));
    const count = make("span", "label");
    count.textContent = this.#words[day.count === 1 ? "count.one" : "count.many"].replace("{count}", number.format(day.count));
    head.append(title, count, all);
    element.append(head, make("div", "tiles"));
    if (before) before.after(element);
    else this.#host.prepend(element);
    const shown = { element, tiles: new Map() };
    this.#shown.set(at, shown);
    this.#names.set(at, day.day);
    return shown;
  }

  #leave(at) {
    const shown = this.#shown.get(at);
    for (const [index, tile] of shown.tiles) this.#drop(shown, index, tile);
    shown.element.remove();
    this.#shown.delete(at);
  }

  #fill(shown, at, from, to) {
    const day = this.#model.days[at];
    const items = day.items ?? day.before;
    shown.element.classList.toggle("ghost", !items);
    if (!items) return;
    const [first, last] = this.grid.between(at, Math.min(day.count, items.length), from, to);
    for (const [index, tile] of shown.tiles) {
      if (index < first || index > last || items[index].id !== tile.dataset.record) this.#drop(shown, index, tile);
    }
    let before = null;
    for (let index = first; index <= last; index += 1) {
      before = shown.tiles.get(index) ?? this.#hang(shown, day, items[index], index, before);
    }
  }

  #drop(shown, index, tile) {
    shown.tiles.delete(index);
    tile.remove();
    this.pictures.drop(tile);
    tile.dataset.record = "";
    if (this.#spare.length < SPARE_TILES) this.#spare.push(tile);
  }

  #hang(shown, day, item, index, before) {
    const tile = this.#spare.pop() ?? blank();
    const { left, top, side, span } = this.grid.place(index, day.count);
    tile.className = ["tile", ...this.grid.corners(index, day.count)].join(" ");
    tile.style.setProperty("transform", `translate(${left}px, ${top}px)`);
    tile.style.setProperty("width", `${side}px`);
    tile.style.setProperty("height", `${side}px`);
    tile.href = `/photo/${item.id}`;
    tile.dataset.record = item.id;
    tile.dataset.day = day.day;
    tile.setAttribute("aria-label", this.#words[item.video ? "video" : "photo"].replace("{day}", this.title(day.day)));
    const plate = tile.firstElementChild;
    plate.hidden = !item.video;
    plate.lastChild.data = item.length;
    shown.tiles.set(index, tile);
    if (before) before.after(tile);
    else shown.element.lastElementChild.prepend(tile);
    this.#bring(tile, item.id, span > 1 ? MIDDLE : SMALL);
    this.onhang?.(tile);
    return tile;
  }

  #bring(tile, id, edge) {
    const ready = this.ready.get(id);
    if (ready?.complete && Math.max(ready.naturalWidth, ready.naturalHeight) >= (edge > SMALL ? edge / 2 : 1)) {
      ready.removeAttribute("loading");
      tile.prepend(ready);
    } else {
      this.pictures.want(tile, `/preview/${id}/${edge}?soon`);
    }
  }
}

function blank() {
  const tile = make("a", "tile");
  const plate = make("span", "plate");
  plate.append(icon("play", "s16"), document.createTextNode(""));
  tile.append(plate);
  tile.draggable = false;
  return tile;
}
