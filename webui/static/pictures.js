// Small pictures for the grid: few at a time, nothing for what was scrolled past, shown only once they are decoded.
//
// A request that left is let finish: cancelling it would cost the box a new TLS connection, and the answer is small.

const IN_FLIGHT = 6;
const AT_ONCE = 2;
const A_FRAME = 3; // of what may change in a frame, a picture that is shown takes a third
const MOST_FRESH = 500;
const TRY_AGAIN_MS = [500, 900, 1500, 2500, 4000, 8000, 15000, 30000];

export class Pictures {
  #queue = new Map();
  #flying = 0;
  #held = false;
  #waiting = new Map();
  #fresh = new Set();
  #turns = [];
  #frame = 0;
  #asking = 0;
  #pace;

  /** `pace` tells how much a frame may change. */
  constructor(pace) {
    this.#pace = pace;
  }

  /** Bring the picture at `address` into `tile`, unless `drop(tile)` comes first. */
  want(tile, address, tries = 0) {
    this.#queue.set(tile, { address, tries });
    this.#soon();
  }

  drop(tile) {
    this.#queue.delete(tile);
    clearTimeout(this.#waiting.get(tile)?.timer);
    this.#waiting.delete(tile);
  }

  /** While somebody races through the years nothing is worth asking for. */
  hold(held) {
    this.#held = held;
    if (!held) this.#soon();
  }

  /** The box has made the preview of `id`: ask now instead of waiting. */
  made(id) {
    this.#fresh.add(id);
    if (this.#fresh.size > MOST_FRESH) this.#fresh.delete(this.#fresh.values().next().value);
    for (const [tile, { address, timer }] of this.#waiting) {
      if (tile.dataset.record !== id) continue;
      clearTimeout(timer);
      this.#waiting.delete(tile);
      this.want(tile, address);
    }
  }

  /** Ask in a task of its own, so that a frame that hangs tiles does nothing else. */
  #soon() {
    this.#asking ||= setTimeout(() => {
      this.#asking = 0;
      this.#next();
    });
  }

  #next() {
    let begun = 0;
    while (!this.#held && this.#flying < IN_FLIGHT && this.#queue.size) {
      if (begun === AT_ONCE) return this.#soon();
      begun += 1;
      const [tile, wish] = this.#queue.entries().next().value;
      this.#queue.delete(tile);
      this.#flying += 1;
      this.#bring(tile, wish).finally(() => {
        this.#flying -= 1;
        this.#soon();
      });
    }
  }

  async #bring(tile, { address, tries }) {
    const id = tile.dataset.record;
    const picture = new Image();
    picture.alt = "";
    picture.decoding = "async";
    picture.draggable = false;
    picture.src = address;
    try {
      await picture.decode();
    } catch {
      this.#later(tile, id, address, tries);
      return;
    }
    await this.#turn();
    if (tile.dataset.record !== id || !tile.isConnected) return;
    tile.querySelector("img")?.remove();
    tile.prepend(picture);
    tile.classList.remove("coming");
  }

  /** Wait for a frame in which few others are shown: none takes long, and nothing changes between frames. */
  #turn() {
    return new Promise((resolve) => {
      this.#turns.push(resolve);
      this.#frame ||= requestAnimationFrame(() => this.#give());
    });
  }

  #give() {
    this.#pace.begin();
    for (const resolve of this.#turns.splice(0, Math.ceil(this.#pace.share / A_FRAME))) resolve();
    this.#frame = this.#turns.length ? requestAnimationFrame(() => this.#give()) : 0;
  }

  /** Not made yet: the box makes asked-for ones first, so ask again soon, then ever more seldom, then not at all. */
  #later(tile, id, address, tries) {
    if (tile.dataset.record !== id || !tile.isConnected || tries >= TRY_AGAIN_MS.length) return;
    if (this.#fresh.delete(id)) {
      this.want(tile, address, tries + 1); // the news overtook the answer that it is not there yet
      return;
    }
    tile.classList.add("coming");
    const again = () => {
      if (document.hidden) {
        this.#waiting.set(tile, { address, timer: setTimeout(again, TRY_AGAIN_MS[tries]) });
        return;
      }
      this.#waiting.delete(tile);
      if (tile.dataset.record === id && tile.isConnected) this.want(tile, address, tries + 1);
    };
    this.#waiting.set(tile, { address, timer: setTimeout(again, TRY_AGAIN_MS[tries]) });
  }
}

/** What lies on the picture of a video: how long it is. */
export function plate(length) {
  const made = document.createElement("span");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  made.className = "plate";
  svg.setAttribute("class", "icon s16");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#play`);
  svg.append(use);
  made.append(svg, length);
  return made;
}
