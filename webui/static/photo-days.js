// What lies in the days of the locker: the counts of all days at once, the items of a few days when somebody looks there.

import { sentence } from "./amounts.js";

const AT_ONCE = 400;
const MOST_ITEMS = 2000;
const IN_FLIGHT = 2;

const thisYear = new Date().getFullYear();

/** What the day "2026-11-21" is called over its pictures; the words are the server's, as are those of the first screen. */
export function dayName(day, words) {
  const [year, month, date] = day.split("-").map(Number);
  const weekday = (new Date(Date.UTC(year, month - 1, date)).getUTCDay() + 6) % 7; // 0 is Monday, as the words count
  const fields = { weekday: words[`weekday.${weekday}`], day: date, month: words[`month.${month}`], year };
  return sentence(words, year === thisYear ? "day.heading" : "day.heading-year", fields);
}

/** What the month "2026-11" is called beside the scrubber. */
export function monthName(name, words) {
  const [year, month] = name.split("-").map(Number);
  return sentence(words, "day.month", { month: words[`month.${month}`], year });
}

/** One picture or video as the server lists it. */
function item([id, day, video, length, preview]) {
  return { id, day, video: Boolean(video), length, preview: Boolean(preview) };
}

async function json(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** All days, newest first: `{day, count, items}`; `items` is null until they were asked for. Tells "change" and "away". */
export class PhotoDays extends EventTarget {
  days = [];
  #at = new Map();
  #asking = new Set();
  #wanted = [0, -1];

  async load() {
    const found = await json("/photos/days");
    this.#take(found.days);
  }

  /** Look again; days that did not change keep their items. Returns true when something changed. */
  async refresh() {
    const { days } = await json("/photos/days");
    const same = days.length === this.days.length && days.every(([day, count], at) => this.days[at].day === day && this.days[at].count === count);
    if (!same) this.#take(days);
    return !same;
  }

  #take(rows) {
    const known = new Map(this.days.map((day) => [day.day, day]));
    this.days = rows.map(([day, count]) => {
      const old = known.get(day);
      if (old?.count === count) return old;
      return { day, count, items: null, before: old?.items ?? old?.before ?? null };
    });
    this.#at = new Map(this.days.map(({ day }, at) => [day, at]));
  }

  /** The position of a day, or -1. */
  find(day) {
    return this.#at.get(day) ?? -1;
  }

  /** The position of `day` or, when nothing is left of it, of the next older one. */
  near(day) {
    const found = this.find(day);
    if (found >= 0) return found;
    const older = this.days.findIndex((one) => one.day < day);
    return older < 0 ? this.days.length - 1 : older;
  }

  get total() {
    return this.days.reduce((sum, { count }) => sum + count, 0);
  }

  /** Ask for the items of the days from..to (positions) that are not here yet, the asked ones before older wishes. */
  want(from, to) {
    this.#wanted = [from, to];
    this.#next();
  }

  #next() {
    if (this.#asking.size >= IN_FLIGHT) return;
    const [from, to] = this.#wanted;
    let first = Math.max(0, from);
    const missing = (at) => !this.days[at].items && !this.#asking.has(this.days[at].day) && !this.days[at].trouble;
    while (first <= to && first < this.days.length && !missing(first)) first += 1;
    if (first > to || first >= this.days.length) return;
    let last = first;
    let count = this.days[first].count;
    while (last < to && last + 1 < this.days.length && missing(last + 1) && count + this.days[last + 1].count <= AT_ONCE) {
      last += 1;
      count += this.days[last].count;
    }
    this.#ask(this.days.slice(first, last + 1));
    this.#next();
  }

  async #ask(days) {
    for (const { day } of days) this.#asking.add(day);
    try {
      const found = await json(`/photos/items?from=${days.at(-1).day}&to=${days[0].day}`);
      const moved = this.#keep(days, found.items.map(item));
      this.dispatchEvent(Object.assign(new Event("change"), { moved }));
    } catch {
      for (const day of days) day.trouble = true;
      this.dispatchEvent(new Event("away"));
    }
    for (const { day } of days) this.#asking.delete(day);
    this.#next();
  }

  /** Sort what came into its days; true when a day has another count than was told before. */
  #keep(days, items) {
    let moved = false;
    const found = Map.groupBy ? Map.groupBy(items, ({ day }) => day) : grouped(items);
    for (const day of days) {
      day.items = found.get(day.day) ?? [];
      day.before = null;
      day.trouble = false;
      if (day.count === day.items.length) continue;
      day.count = day.items.length;
      moved = true;
    }
    return moved;
  }

  /** After a pause without a connection: everything may be asked for again. */
  again() {
    for (const day of this.days) day.trouble = false;
    this.#next();
  }

  /** The items of one day, as soon as they are here. */
  async of(at) {
    const day = this.days[at];
    if (!day) return [];
    if (!day.items) {
      const found = await json(`/photos/items?from=${day.day}&to=${day.day}`);
      this.#keep([day], found.items.map(item));
    }
    return day.items;
  }

  /** The neighbour of `id` in `day`, `step` (1: older, -1: newer) away, or null at either end. */
  async beside(id, day, step) {
    let at = this.find(day);
    if (at < 0) return null;
    const items = await this.of(at);
    const place = items.findIndex((one) => one.id === id);
    if (place < 0) return null;
    if (items[place + step]) return items[place + step];
    for (at += step; at >= 0 && at < this.days.length; at += step) {
      const next = await this.of(at);
      if (next.length) return step > 0 ? next[0] : next.at(-1);
    }
    return null;
  }

  /** Take ids away at once (they were deleted); days that are empty go too. Returns true when one was here. */
  drop(ids) {
    let changed = false;
    for (const day of this.days) {
      if (!day.items?.some(({ id }) => ids.has(id))) continue;
      day.items = day.items.filter(({ id }) => !ids.has(id));
      day.count = day.items.length;
      changed = true;
    }
    if (changed) {
      this.days = this.days.filter(({ count }) => count > 0);
      this.#at = new Map(this.days.map(({ day }, at) => [day, at]));
    }
    return changed;
  }
}

function grouped(items) {
  const found = new Map();
  for (const one of items) found.set(one.day, [...(found.get(one.day) ?? []), one]);
  return found;
}
