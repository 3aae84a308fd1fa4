// The geometry of the photo grid, from counts alone: where a day begins, where a picture lies, what is on a stretch of the page.

const LED_FROM = 3;

/** Squares in `columns`, the first of a larger day 2 x 2, a heading over each day. Lengths in CSS pixels. */
export class Grid {
  constructor({ width, columns, gap, head, after }) {
    Object.assign(this, { width, columns, gap, head, after });
    this.cell = (width - gap * (columns - 1)) / columns;
    this.step = this.cell + gap;
    this.tops = new Float64Array(1);
  }

  /** Lay out days of these counts; afterwards `height` is exact. */
  lay(days) {
    this.tops = new Float64Array(days.length + 1);
    let top = 0;
    for (let at = 0; at < days.length; at += 1) {
      this.tops[at] = top;
      top += this.head + this.rows(days[at].count) * this.step - this.gap + this.after;
    }
    this.tops[days.length] = top;
  }

  get height() {
    return this.tops.at(-1);
  }

  led(count) {
    return count >= LED_FROM;
  }

  rows(count) {
    return this.led(count) ? Math.max(2, Math.ceil((count + 3) / this.columns)) : Math.max(1, Math.ceil(count / this.columns));
  }

  /** Where picture `index` of a day of `count` lies, below the day's heading. */
  place(index, count) {
    const beside = this.columns - 2;
    let column = index % this.columns;
    let row = Math.floor(index / this.columns);
    let span = 1;
    if (this.led(count)) {
      if (index === 0) span = 2;
      else if (index <= 2 * beside) {
        row = Math.floor((index - 1) / beside);
        column = 2 + ((index - 1) % beside);
      } else {
        row = 2 + Math.floor((index - 1 - 2 * beside) / this.columns);
        column = (index - 1 - 2 * beside) % this.columns;
      }
    }
    return { column, row, span, left: column * this.step, top: row * this.step, side: this.cell + (span - 1) * this.step };
  }

  /** Which corners of the day's clip picture `index` fills. */
  corners(index, count) {
    const { column, row, span } = this.place(index, count);
    const last = this.rows(count) - 1;
    const top = row === 0;
    const bottom = row + span - 1 === last;
    const start = column === 0;
    const end = column + span === this.columns || (!this.led(count) && count < this.columns && index === count - 1);
    return [top && start && "ts", top && end && "te", bottom && start && "bs", bottom && end && "be"].filter(Boolean);
  }

  /** The day at height `y`. */
  dayAt(y) {
    let low = 0;
    let high = this.tops.length - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** First and last picture of day `at` that touch the stretch from..to of the page. */
  between(at, count, from, to) {
    const top = this.tops[at] + this.head;
    const first = this.#firstOf(Math.floor((from - top) / this.step), count);
    const last = this.#firstOf(Math.floor((to - top) / this.step) + 1, count) - 1;
    return [Math.max(0, first), Math.min(count - 1, last)];
  }

  #firstOf(row, count) {
    if (row <= 0) return 0;
    if (!this.led(count)) return row * this.columns;
    const beside = this.columns - 2;
    return row === 1 ? 0 : 1 + 2 * beside + (row - 2) * this.columns;
  }
}
