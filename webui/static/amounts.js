// Numbers, sizes and sentences as the language of the page writes them.

const language = document.documentElement.lang;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

let grouped;

/** A whole number with the thousands mark of the language. The format is made for the first one that has such a mark: that takes longer than all else. */
export const number = (value) => (value < 1000 ? String(value) : (grouped ??= new Intl.NumberFormat(language)).format(value));

/** Bytes in decimal units, at most three digits, with a narrow no-break space. */
export function size(count) {
  const [value, unit] = scaled(count);
  return `${digits(value, unit)}\u202f${UNITS[unit]}`;
}

/** "2.1" and "5.6 GB": a part in the unit of the whole. */
export function sizes(part, whole) {
  const [value, unit] = scaled(whole);
  return { done: digits(part / 1000 ** unit, unit), all: `${digits(value, unit)}\u202f${UNITS[unit]}` };
}

/** Fill `words[key]`; with a `count`, `key.one` or `key.many` is meant. */
export function sentence(words, key, fields = {}) {
  const name = "count" in fields ? `${key}.${fields.count === 1 ? "one" : "many"}` : key;
  const shown = "count" in fields ? { ...fields, count: number(fields.count) } : fields;
  return words[name].replace(/\{(\w+)\}/g, (_, field) => shown[field]);
}

function scaled(count) {
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return [value, unit];
}

function digits(value, unit) {
  const most = unit === 0 || value >= 100 ? 0 : 1;
  return new Intl.NumberFormat(language, { maximumFractionDigits: most }).format(value);
}
