// One file on its way: begins it, or goes on from what is durable, until it is here, needs a person, or has to wait
// because everything waits. What a job looks like: see `add` in sending.js.

import { addressOf, fingerprint, forget, keep } from "./remembered.js";
import { Refusal, create, drop, list, look, send } from "./tus.js";

const PIECE_LEAST = 2 ** 19;
const PIECE_MOST = 2 ** 23;
const PIECE_FAST_MS = 700;
const PIECE_SLOW_MS = 4000;
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];

let pieceBytes = 2 ** 21;

class Changed extends Error {
  kind = "changed";
}

export class Transfer {
  /** `crew` is the Sender it works for: it is told (`say`), asked (`isHeld`) and called when the locker is locked. */
  constructor(job, crew) {
    this.job = job;
    this.crew = crew;
    this.stopper = new AbortController();
    this.endWait = null;
  }

  /** End what hangs and every wait; the file goes on from what is durable unless everything is held. */
  wake(note) {
    if (note) this.job.note = note;
    this.stopper.abort();
    this.endWait?.();
  }

  /** Work until the turn of this file is over; its state then says how. */
  async run() {
    const { job } = this;
    job.state = "sending";
    this.crew.say();
    while (job.state === "sending") {
      try {
        this.stopper = new AbortController();
        await this.transfer();
      } catch (trouble) {
        if (!trouble.kind) throw trouble;
        await this.decide(trouble);
      }
    }
  }

  async transfer() {
    const { job } = this;
    job.print ??= await fingerprint(this.crew.member, job.path, job.file);
    if (!job.url && addressOf(job.print)) [job.url, job.note] = [addressOf(job.print), "before"];
    job.url ??= await this.adopted();
    if (job.url) this.moved(await look(job.url, this.stopper.signal));
    else await this.begin();
    while (job.state === "sending") {
      const from = job.offset;
      const piece = await this.read(from);
      const began = performance.now();
      const answer = await send(job.url, from, piece, this.stopper.signal);
      if (answer.offset <= from && !answer.state) throw new Refusal(0);
      learn(performance.now() - began, piece.byteLength);
      this.moved(answer);
    }
  }

  async begin() {
    const { job } = this;
    const { file, path, size } = job;
    const piece = size <= pieceBytes ? await this.read(0) : null;
    job.begun = true;
    const made = await create({ name: path, type: file.type, size, mtime: file.lastModified }, piece, this.stopper.signal);
    job.url = made.url;
    if (!made.state) keep(job.print, made.url, job.handle);
    this.moved(made);
  }

  /** The answer to a creation may have been lost: find the upload it made instead of making another. */
  async adopted() {
    const { job } = this;
    if (!job.begun) return null;
    const taken = new Set(this.crew.jobs.map((one) => one.url));
    const fits = (one) => one.name === job.path && one.size === job.size && !taken.has(`/uploads/${one.upload}`);
    const mine = (await list()).find(fits);
    return mine ? `/uploads/${mine.upload}` : null;
  }

  /** The box told how much is durable. */
  moved({ offset, id, state }) {
    const { job } = this;
    this.crew.own.add(job.url);
    job.offset = offset;
    job.shown = Math.max(job.shown, offset);
    job.tries = 0;
    this.crew.reached();
    if (state) this.crew.finish(job, id, state === "same" ? "same" : "done");
    else this.crew.say();
  }

  /** The next piece, read whole before it is sent, so that a file that changed shows itself here. */
  async read(from) {
    try {
      return await this.job.file.slice(from, from + pieceBytes).arrayBuffer();
    } catch {
      throw new Changed();
    }
  }

  /** What to do after trouble: go on at once, wait, hand the turn back, or leave it to a person. */
  async decide(trouble) {
    const { job, crew } = this;
    const { kind } = trouble;
    if (kind === "locked") crew.lock();
    if (crew.isHeld) {
      job.state = "waiting";
      return;
    }
    if (kind === "woken" || kind === "moved") return;
    if (kind === "gone") this.restart();
    if (kind === "later" || (kind === "gone" && job.tries)) await this.wait();
    else if (kind !== "gone") this.tell(trouble);
  }

  /** The box does not know this upload any more: begin anew, at once the first time. */
  restart() {
    const { job } = this;
    forget(job.print);
    job.url = null;
    job.begun = false;
    job.tries += 1;
  }

  tell(trouble) {
    const { job } = this;
    if (trouble.kind === "changed" && job.url) {
      drop(job.url);
      forget(job.print);
      job.url = null;
    }
    job.state = "trouble";
    job.trouble = { kind: trouble.kind, said: trouble.said ?? null };
    if (trouble.kind === "full") this.crew.pause();
  }

  async wait() {
    const { job } = this;
    job.note = "away";
    this.crew.unreached();
    const pause = WAITS_MS[Math.min(job.tries, WAITS_MS.length - 1)];
    job.tries += 1;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pause * (0.75 + Math.random() / 2));
      this.endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endWait = null;
    if (this.crew.isHeld) job.state = "waiting";
  }
}

/** Pieces that take about a second: progress one can see, and little to repeat. */
function learn(took, bytes) {
  if (bytes < pieceBytes) return;
  if (took < PIECE_FAST_MS) pieceBytes = Math.min(PIECE_MOST, pieceBytes * 2);
  if (took > PIECE_SLOW_MS) pieceBytes = Math.max(PIECE_LEAST, pieceBytes / 2);
}
