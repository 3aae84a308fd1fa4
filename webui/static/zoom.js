// Fingers, mouse and wheel on one picture: pinch and double tap enlarge, one finger moves, a swipe goes on to the next.

const TAP_MS = 280;
const TAP_PX = 12;
const SWIPE_PX = 56;
const MOST = 8;

export class Gestures {
  #points = new Map();
  #scale = 1;
  #x = 0;
  #y = 0;
  #tapped = 0;
  #start = null;

  /** `told` has: picture() -> element, size() -> {width, height} as drawn, drag(x, y), swipe(how), tap(), zoomed(scale). */
  constructor(stage, told) {
    this.stage = stage;
    this.told = told;
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.#up(event));
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get zoomed() {
    return this.#scale > 1.01;
  }

  reset() {
    this.#scale = 1;
    this.#x = this.#y = 0;
    this.#apply(false);
  }

  /** Enlarge to `scale` around a point of the screen. */
  zoomTo(scale, clientX, clientY, calm = true) {
    const box = this.stage.getBoundingClientRect();
    const at = { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
    const to = Math.min(MOST, Math.max(1, scale));
    this.#x = at.x - ((at.x - this.#x) * to) / this.#scale;
    this.#y = at.y - ((at.y - this.#y) * to) / this.#scale;
    this.#scale = to;
    this.#apply(calm);
  }

  toggle(clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    this.zoomTo(this.zoomed ? 1 : 2.5, clientX ?? box.left + box.width / 2, clientY ?? box.top + box.height / 2);
  }

  #apply(calm) {
    const box = this.stage.getBoundingClientRect();
    const drawn = this.told.size();
    const room = (size, side) => Math.max(0, (size * this.#scale - side) / 2);
    const [mostX, mostY] = [room(drawn.width, box.width), room(drawn.height, box.height)];
    this.#x = Math.min(mostX, Math.max(-mostX, this.#x));
    this.#y = Math.min(mostY, Math.max(-mostY, this.#y));
    const picture = this.told.picture();
    if (!picture) return;
    picture.classList.toggle("calm", calm);
    picture.style.setProperty("transform", this.zoomed ? `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})` : "");
    this.told.zoomed(this.#scale);
  }

  #down(event) {
    if (event.target.closest("button, a, video, input") || event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    this.#points.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#begin();
  }

  #begin() {
    const [one, other] = this.#points.values();
    this.#start = one && { x: one.x, y: one.y, at: performance.now(), fromX: this.#x, fromY: this.#y, pinched: Boolean(other) || this.#start?.pinched };
    if (other) Object.assign(this.#start, { apart: apart(one, other), scale: this.#scale });
  }

  #move(event) {
    const point = this.#points.get(event.pointerId);
    if (!point) return;
    Object.assign(point, { x: event.clientX, y: event.clientY });
    const [one, other] = this.#points.values();
    if (other) {
      this.zoomTo((this.#start.scale * apart(one, other)) / this.#start.apart, (one.x + other.x) / 2, (one.y + other.y) / 2, false);
    } else if (this.zoomed) {
      this.#x = this.#start.fromX + one.x - this.#start.x;
      this.#y = this.#start.fromY + one.y - this.#start.y;
      this.#apply(false);
    } else if (!this.#start.pinched) {
      this.told.drag(one.x - this.#start.x, one.y - this.#start.y);
    }
  }

  #up(event) {
    const point = this.#points.get(event.pointerId);
    if (!point) return;
    this.#points.delete(event.pointerId);
    if (this.#points.size) {
      this.#begin();
      return;
    }
    const start = this.#start;
    this.#start = null;
    const [x, y] = [point.x - start.x, point.y - start.y];
    if (start.pinched || this.zoomed) {
      if (!start.pinched && Math.hypot(x, y) < TAP_PX) this.#tap(event);
      return;
    }
    if (Math.hypot(x, y) < TAP_PX) this.#tap(event);
    if (event.type === "pointercancel") this.told.swipe("");
    else this.told.swipe(direction(x, y, performance.now() - start.at));
  }

  /** A second tap soon after the first enlarges; one alone is told after the wait. */
  #tap(event) {
    clearTimeout(this.single);
    const now = performance.now();
    if (now - this.#tapped < TAP_MS) {
      this.#tapped = 0;
      this.toggle(event.clientX, event.clientY);
      return;
    }
    this.#tapped = now;
    this.single = setTimeout(() => this.told.tap(), TAP_MS);
  }

  #wheel(event) {
    if (!event.ctrlKey && !this.told.full()) return;
    event.preventDefault();
    this.zoomTo(this.#scale * Math.exp(-event.deltaY / 300), event.clientX, event.clientY, false);
  }
}

function apart(one, other) {
  return Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
}

/** Where a finger went: "newer", "older", "up", "down", or nowhere. A quick flick counts over a shorter way. */
function direction(x, y, took) {
  const far = took < 250 ? SWIPE_PX / 2 : SWIPE_PX;
  if (Math.abs(x) > Math.abs(y)) return Math.abs(x) < far ? "" : x < 0 ? "older" : "newer";
  return Math.abs(y) < far ? "" : y < 0 ? "up" : "down";
}
