// Camera facts of a JPEG: Exif 2.32, read from its first bytes without drawing it. Whatever is not there stays unsaid.

const HEAD_BYTES = 131072;
const MAKE = 0x010f;
const MODEL = 0x0110;
const EXIF = 0x8769;
const TIME = 0x829a;
const APERTURE = 0x829d;
const SPEED = 0x8827;
const LENGTH = 0x920a;
const LENGTH_35 = 0xa405;
const SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];

/** One line such as “Pixel 9 · 24 mm · ƒ/1.7 · 1/120 s · ISO 64”, or nothing. */
export async function exposure(address) {
  const answer = await fetch(address, { headers: { Range: `bytes=0-${HEAD_BYTES - 1}` } });
  if (answer.status !== 206) {
    await answer.body?.cancel();
    return "";
  }
  const view = new DataView(await answer.arrayBuffer());
  const at = tiff(view);
  return at < 0 ? "" : line(read(view, at));
}

/** Where the TIFF header of the Exif segment stands, or -1. */
function tiff(view) {
  let at = 2;
  while (at + 10 < view.byteLength && view.getUint8(at) === 0xff) {
    const kind = view.getUint8(at + 1);
    if (kind === 0xe1 && view.getUint32(at + 4) === 0x45786966) return at + 10;
    if (kind === 0xda) return -1;
    at += 2 + view.getUint16(at + 2);
  }
  return -1;
}

function read(view, base) {
  const little = view.getUint16(base) === 0x4949;
  const found = {};
  const folder = (start, inside) => {
    if (start + 2 > view.byteLength) return;
    const count = Math.min(view.getUint16(start, little), 200);
    for (let entry = start + 2; entry < start + 2 + count * 12 && entry + 12 <= view.byteLength; entry += 12) {
      const tag = view.getUint16(entry, little);
      const type = view.getUint16(entry + 2, little);
      const long = view.getUint32(entry + 4, little) * (SIZES[type] ?? 0);
      const at = long > 4 ? base + view.getUint32(entry + 8, little) : entry + 8;
      if (!long || at + long > view.byteLength) continue;
      if (tag === EXIF && !inside) folder(base + view.getUint32(entry + 8, little), true);
      else found[tag] ??= value(view, type, at, long, little);
    }
  };
  folder(base + view.getUint32(base + 4, little), false);
  return found;
}

function value(view, type, at, long, little) {
  if (type === 2) return new TextDecoder("latin1").decode(new Uint8Array(view.buffer, at, long)).replace(/\0.*$/s, "").trim();
  if (type === 3) return view.getUint16(at, little);
  if (type === 4) return view.getUint32(at, little);
  if (type === 12) return view.getFloat64(at, little);
  if (type === 5) return view.getUint32(at, little) / view.getUint32(at + 4, little);
  return null;
}

function line(found) {
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const model = String(found[MODEL] ?? "");
  const make = String(found[MAKE] ?? "");
  const camera = model.toLowerCase().startsWith(make.split(" ")[0].toLowerCase()) ? model : `${make} ${model}`.trim();
  const length = found[LENGTH_35] || found[LENGTH];
  const time = found[TIME];
  return [
    camera.slice(0, 60),
    length > 0 && `${number.format(length)} mm`,
    found[APERTURE] > 0 && `ƒ/${number.format(found[APERTURE])}`,
    time > 0 && (time < 0.3 ? `1/${Math.round(1 / time)} s` : `${number.format(time)} s`),
    found[SPEED] > 0 && `ISO ${found[SPEED]}`,
  ].filter(Boolean).map((one) => one.replace(/ (?=\S+$)/, "\u00a0")).join(" · ");
}
