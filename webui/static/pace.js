// How much of a page one frame may change: a phone whose frames take long gets fewer things a frame, so none takes too long.

const MOST = 6;
const LEAST = 2;
const EASY_MS = 12;
const LONG_MS = 20;

/** The share of a frame, from what the last frames took from their callbacks until they were handed on to be painted. */
export class Pace {
  share = MOST;
  #line = new MessageChannel();
  #began = 0;

  constructor() {
    this.#line.port1.onmessage = () => this.#ended();
  }

  /** Say in a frame that it is going to change the page. */
  begin() {
    if (this.#began) return;
    this.#began = performance.now();
    this.#line.port2.postMessage(null); // comes in the task after this frame
  }

  #ended() {
    const took = performance.now() - this.#began;
    this.#began = 0;
    if (took > LONG_MS) this.share = Math.max(LEAST, this.share - 2);
    else if (took < EASY_MS) this.share = Math.min(MOST, this.share + 1);
  }
}
