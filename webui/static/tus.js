// The client's half of tus 1.0.0 (https://tus.io): create, ask, send, drop. One request each; nothing is repeated here.

const STALL_MS = 30_000;
const STREAMED = "application/offset+octet-stream";

/** Why a request did not do what it should. `kind` says what to do next: see `kindOf`. */
export class Refusal extends Error {
  constructor(status, said, woken = false) {
    super(said?.sentence ?? `${status}`);
    this.status = status;
    this.said = said;
    this.kind = woken ? "woken" : kindOf(status);
  }
}

/** "locked": open the locker; "gone": begin anew; "moved": ask for the offset; "later": wait; "full"; "no": tell. */
function kindOf(status) {
  if (status === 401 || status === 423) return "locked";
  if (status === 404 || status === 410) return "gone";
  if (status === 409) return "moved";
  if (status === 507) return "full";
  if (status === 0 || status === 429 || status >= 500) return "later";
  return "no";
}

/** Begin an upload; `piece` (bytes from the start) may travel along. Returns { url, offset, size, id, state }. */
export async function create({ name, type, size, mtime }, piece, signal) {
  const pairs = { filename: name, filetype: type, mtime: String(mtime) };
  const metadata = Object.entries(pairs).map(([key, value]) => `${key} ${base64(value)}`);
  const headers = { "Upload-Length": String(size), "Upload-Metadata": metadata.join(",") };
  if (piece?.byteLength) headers["Content-Type"] = STREAMED;
  const answer = await ask("POST", "/uploads", headers, piece, signal);
  return { url: answer.header("Location"), ...progress(answer) };
}

/** How much of it is durable? Returns { offset, id, state }. */
export async function look(url, signal) {
  return progress(await ask("HEAD", url, {}, null, signal));
}

/** Send `piece` from `offset` on; returns { offset, id, state } once everything is durable. */
export async function send(url, offset, piece, signal) {
  const headers = { "Content-Type": STREAMED, "Upload-Offset": String(offset) };
  return progress(await ask("PATCH", url, headers, piece, signal));
}

/** Drop an upload; one that is not there any more is fine. */
export async function drop(url) {
  await ask("DELETE", url).catch(() => null);
}

/** The unfinished uploads of this member, from all devices. */
export async function list() {
  return JSON.parse((await ask("GET", "/uploads")).text).uploads;
}

/** Which of `files` ({ size, sha256 }) are here already? A record id or null for each. */
export async function known(files) {
  const answer = await ask("POST", "/uploads/known", { "Content-Type": "application/json" }, JSON.stringify({ files }));
  return JSON.parse(answer.text).known;
}

/** SHA-256 as hex digits; null where the browser does not have it. */
export async function sha256(bytes) {
  const digest = await crypto.subtle?.digest("SHA-256", bytes);
  return digest ? [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("") : null;
}

function progress(answer) {
  return {
    offset: Number(answer.header("Upload-Offset")),
    id: answer.header("Upload-Record"),
    state: answer.header("Upload-State"),
  };
}

/** One request that ends by itself when nothing moves for half a minute. */
function ask(method, url, headers = {}, body = null, signal = null) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let stall;
    const watch = () => {
      clearTimeout(stall);
      stall = setTimeout(() => request.abort(), STALL_MS);
    };
    const stop = () => request.abort();
    request.open(method, url);
    request.setRequestHeader("Tus-Resumable", "1.0.0");
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", watch);
    request.addEventListener("progress", watch);
    request.addEventListener("loadend", () => {
      clearTimeout(stall);
      signal?.removeEventListener("abort", stop);
      const { status, responseText: text } = request;
      if (status >= 200 && status < 300) resolve({ status, text, header: (name) => request.getResponseHeader(name) });
      else reject(new Refusal(status, saidIn(text), signal?.aborted));
    });
    if (signal?.aborted) {
      reject(new Refusal(0, null, true));
      return;
    }
    signal?.addEventListener("abort", stop);
    watch();
    request.send(body);
  });
}

function saidIn(text) {
  try {
    return JSON.parse(text).error ?? null;
  } catch {
    return null;
  }
}

function base64(text) {
  const bytes = new TextEncoder().encode(text.toWellFormed?.() ?? text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
