// Sends many files through everything that happens to phones: sleep, reload, other networks, a box that is killed, a
// locker that is locked. Small files first, three at a time; large ones one at a time. Only durable bytes count.
//
// Events: "change" (a job or the whole changed), "locked" (open the locker, then call `unlocked`).

import { addressOf, fingerprint, forget } from "./remembered.js";
import { Transfer } from "./transfer.js";
import { drop, known, sha256 } from "./tus.js";

const LANES = 3;
const LARGE = 32 * 2 ** 20;
const HASHED = 64 * 2 ** 20;
const BATCH_FILES = 24;
const BATCH_BYTES = 48 * 2 ** 20;
const TICK_MS = 4000;
const SLEPT_MS = 20_000;
const UNDER_WAY = ["waiting", "checking", "sending"];

export class Sender extends EventTarget {
  constructor(member) {
    super();
    this.member = member;
    this.jobs = [];
    this.fresh = [];
    this.ready = [];
    this.running = new Map();
    this.own = new Set();
    this.paused = this.locked = this.away = this.checking = false;
    this.watchSleep();
    addEventListener("online", () => this.wake("away"));
    addEventListener("offline", () => this.say());
  }

  /** A clock that jumped says that the phone slept: connections of before are dead. */
  watchSleep() {
    let seen = Date.now();
    setInterval(() => {
      const now = Date.now();
      if (now - seen > SLEPT_MS) this.wake("slept");
      seen = now;
    }, TICK_MS);
  }

  /** Take files in: [{ file, path, handle }]. One that is here or under way already is not taken twice. */
  add(entries) {
    for (const { file, path, handle } of entries) {
      const namesakes = this.jobs.filter((one) => one.path === path);
      if (namesakes.some((one) => one.state !== "trouble" && isSame(one.file, file))) continue;
      for (const one of namesakes) if (one.state === "trouble") this.leaveOut(one);
      const job = { file, path, handle, size: file.size, offset: 0, shown: 0, state: "waiting", note: "", tries: 0 };
      this.jobs.push(job);
      this.fresh.push(job);
    }
    this.fresh.sort(bySize);
    this.say();
    this.go();
  }

  get isBusy() {
    return this.jobs.some((job) => UNDER_WAY.includes(job.state));
  }

  /** True while nothing may be sent. */
  get isHeld() {
    return this.paused || this.locked;
  }

  get isOffline() {
    return navigator.onLine === false;
  }

  pause() {
    this.paused = true;
    this.wake("");
  }

  goOn() {
    this.paused = false;
    this.wake("");
    this.go();
  }

  lock() {
    if (this.locked) return;
    this.locked = true;
    this.dispatchEvent(new Event("locked"));
  }

  unlocked() {
    this.locked = false;
    this.goOn();
  }

  /** Send a file that could not be sent once more. */
  again(job) {
    job.state = "waiting";
    job.tries = 0;
    this.ready.push(job);
    this.goOn();
  }

  /** Take a file out, and drop what arrived of it. */
  leaveOut(job) {
    const others = (jobs) => jobs.filter((one) => one !== job);
    [this.jobs, this.fresh, this.ready] = [this.jobs, this.fresh, this.ready].map(others);
    job.state = "left";
    this.running.get(job)?.wake("");
    if (job.url) drop(job.url);
    if (job.print) forget(job.print);
    this.say();
  }

  /** Forget what is here. */
  clear() {
    this.jobs = this.jobs.filter((job) => job.state !== "done" && job.state !== "same");
  }

  /** Something came back or is held: end what hangs and every wait. */
  wake(note) {
    for (const transfer of this.running.values()) transfer.wake(note);
    this.say();
  }

  say() {
    this.dispatchEvent(new Event("change"));
  }

  reached() {
    this.away = false;
  }

  unreached() {
    this.away = true;
    this.say();
  }

  finish(job, id, state) {
    Object.assign(job, { record: id, state, shown: job.size, offset: job.size, ended: performance.now() });
    if (job.print) forget(job.print);
    this.say();
  }

  go() {
    if (this.isHeld) return;
    if (this.fresh.length && !this.checking) this.check();
    for (let job = this.take(); job; job = this.take()) {
      const transfer = new Transfer(job, this);
      this.running.set(job, transfer);
      transfer.run().finally(() => this.ended(job));
    }
  }

  ended(job) {
    this.running.delete(job);
    if (job.state === "waiting") this.ready.unshift(job);
    this.say();
    this.go();
  }

  /** The smallest that is ready; a large one only while no other large one is under way. */
  take() {
    if (this.running.size >= LANES) return null;
    const large = [...this.running.keys()].some((job) => job.size > LARGE);
    const at = this.ready.findIndex((job) => job.size <= LARGE || !large);
    return at < 0 ? null : this.ready.splice(at, 1)[0];
  }

  /** Ask in batches which files are here already; what cannot be asked is simply sent. */
  async check() {
    this.checking = true;
    while (this.fresh.length && !this.isHeld) {
      const batch = this.batch();
      try {
        await this.ask(batch);
      } catch {
        // The box does not answer, or a file cannot be read: sending finds out and says so.
      }
      for (const job of batch.filter((one) => one.state === "checking" && this.jobs.includes(one))) {
        job.state = "waiting";
        this.ready.push(job);
      }
      this.ready.sort(bySize);
      this.say();
      this.go();
    }
    this.checking = false;
  }

  /** The first batch is small, so that something moves at once. */
  batch() {
    const most = this.running.size ? BATCH_FILES : LANES;
    const batch = [];
    let bytes = 0;
    while (this.fresh.length && batch.length < most && bytes < BATCH_BYTES) {
      const job = this.fresh.shift();
      job.state = "checking";
      bytes += job.size <= HASHED ? job.size : 0;
      batch.push(job);
    }
    return batch;
  }

  async ask(batch) {
    const asked = [];
    for (const job of batch) {
      job.print = await fingerprint(this.member, job.path, job.file);
      if (job.size > HASHED || addressOf(job.print)) continue;
      const hash = await sha256(await job.file.arrayBuffer());
      if (hash) asked.push({ job, file: { size: job.size, sha256: hash } });
    }
    if (!asked.length) return;
    const found = await known(asked.map(({ file }) => file));
    asked.forEach(({ job }, index) => found[index] && this.finish(job, found[index], "same"));
  }
}

const isSame = (one, other) => one.size === other.size && one.lastModified === other.lastModified;
const bySize = (one, other) => one.size - other.size;
