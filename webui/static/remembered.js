// What this browser remembers of unfinished uploads, so that they go on after a reload: addresses under fingerprints of
// the files (no names), and, where the browser has them, handles of the files themselves.

const KEY = "locker-uploads";
const SHELF = "files";
const DAYS_KEPT = 7;
const DAY_MS = 86_400_000;

/** A file's fingerprint for one member: equal only for the same path, size and date. */
export async function fingerprint(member, path, file) {
  const text = [member, path, file.size, file.lastModified].join("\n");
  const digest = await crypto.subtle?.digest("SHA-256", new TextEncoder().encode(text));
  return digest ? btoa(String.fromCharCode(...new Uint8Array(digest).slice(0, 18))) : text;
}

/** The address remembered under `print`, or null. */
export const addressOf = (print) => read()[print]?.url ?? null;

/** All remembered: address -> fingerprint. */
export const all = () => new Map(Object.entries(read()).map(([print, { url }]) => [url, print]));

/** Remember that the file of `print` is being sent to `url`; its `handle`, if there is one, too. */
export function keep(print, url, handle) {
  write({ ...read(), [print]: { url, at: Date.now() } });
  if (handle) shelf("readwrite", (files) => files.put(handle, print));
}

/** Forget it: it arrived, or nobody wants it. */
export function forget(print) {
  const entries = read();
  if (!(print in entries)) return;
  delete entries[print];
  write(entries);
  shelf("readwrite", (files) => files.delete(print));
}

/** The handle of a file that can be read again without being chosen again, or null. */
export const handleOf = (print) => shelf("readonly", (files) => files.get(print));

function read() {
  try {
    const entries = Object.entries(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
    return Object.fromEntries(entries.filter(([, one]) => Date.now() - one.at < DAYS_KEPT * DAY_MS));
  } catch {
    return {}; // a browser that keeps nothing: uploads go on, but not after a reload
  }
}

function write(entries) {
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
  } catch {
    // as above
  }
}

function shelf(mode, act) {
  return new Promise((resolve) => {
    if (!globalThis.indexedDB || !globalThis.FileSystemFileHandle) {
      resolve(null);
      return;
    }
    const opening = indexedDB.open(KEY, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(SHELF);
    opening.onerror = () => resolve(null);
    opening.onsuccess = () => {
      const asked = act(opening.result.transaction(SHELF, mode).objectStore(SHELF));
      asked.onsuccess = () => resolve(asked.result ?? null);
      asked.onerror = () => resolve(null);
      asked.transaction.oncomplete = () => opening.result.close();
    };
  });
}
