// <locker-uploads>: takes files from wherever they come, shows how many are durable (a bar over every page, a sheet),
// asks for the passphrase when the locker was locked, and goes on with what was not finished before.

import { number, sentence, sizes } from "./amounts.js";
import { chosen, gather } from "./gathering.js";
import { all, forget, handleOf } from "./remembered.js";
import { Sender } from "./sending.js";
import { SheetDrag } from "./sheet.js";
import { drop, list } from "./tus.js";
import { Rows } from "./upload-rows.js";
import { WithFriends } from "./with-friends.js";
import { keepWalking } from "./walking.js";

const DRAW_MS = 150;
const ELSEWHERE_MS = 30_000;
const OURS_MS = 2000;
const WHOLE = 100;

class LockerUploads extends HTMLElement {
  connectedCallback() {
    if (this.sender) return;
    this.words = JSON.parse(this.querySelector("[data-words]").textContent);
    this.piece = (name) => this.querySelector(`[data-${name}]`);
    this.unfinished = [];
    this.elsewhere = new Map();
    this.sender = new Sender(this.dataset.member);
    this.rows = new Rows(this.piece("rows"), this.piece("row"), this.words, (what, job) => this.act(what, job));
    this.friends = new WithFriends(this.piece("friends"), this.words, () => this.soon());
    this.sender.addEventListener("change", () => this.soon());
    this.sender.addEventListener("locked", () => this.askToOpen());
    document.addEventListener("locker:ended", () => this.askToOpen());
    this.takeButtons();
    this.takeDoor();
    this.stayAwake();
    this.takeFiles();
    keepWalking(() => this.sender.isBusy, this);
    document.addEventListener("locker:page", () => {
      this.offer();
      this.tellElsewhere();
    });
    document.addEventListener("locker:upload", ({ detail }) => this.heard(detail.id));
    this.remember();
  }

  /** Every button with `data-add` on any page opens a field; drops and pastes count anywhere. A field may be filled already: this comes late. */
  takeFiles() {
    for (const name of ["files", "camera", "folder"]) {
      const field = this.piece(name);
      const take = () => this.add(chosen(field));
      field.addEventListener("change", take);
      take();
    }
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-add]");
      if (button) this.piece(button.dataset.add).click();
    });
    this.offer();
    gather((entries) => this.add(entries));
  }

  /** Buttons that only work with this module are hidden until it is here. */
  offer() {
    for (const button of document.querySelectorAll("#main [data-add][hidden]")) button.hidden = false;
  }

  takeButtons() {
    const sheet = this.piece("sheet");
    this.piece("show").addEventListener("click", () => this.show());
    this.piece("hide").addEventListener("click", () => sheet.close());
    this.piece("pause").addEventListener("click", () => this.sender.pause());
    this.piece("go-on").addEventListener("click", () => this.sender.goOn());
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
    sheet.addEventListener("close", () => this.settle());
    this.drag = new SheetDrag(sheet, this.piece("grab"));
  }

  add(entries) {
    if (!entries.length) return;
    const same = (one) => entries.some(({ file, path }) => file.size === one.size && path === one.path);
    this.unfinished = this.unfinished.filter((one) => !same(one));
    this.sender.add(entries);
    this.show();
  }

  show() {
    this.draw();
    if (!this.piece("sheet").open) this.piece("sheet").showModal();
    this.friends.see(this.sender.jobs, true);
  }

  /** A sheet that is put away takes what is done along. */
  settle() {
    if (!this.sender.isBusy) this.sender.clear();
    this.draw();
    this.piece("show").focus();
  }

  async act(what, job) {
    if (what === "leave") await this.leaveOut(job);
    else if (what === "again" && job.trouble.kind !== "changed") this.sender.again(job);
    else if (job.handle) await this.read(job);
    else this.piece("files").click();
    this.draw();
  }

  async leaveOut(job) {
    this.unfinished = this.unfinished.filter((one) => one !== job);
    if (job.state !== "unfinished") this.sender.leaveOut(job);
    else {
      forget(job.print);
      await drop(job.url);
    }
    if (!this.sender.jobs.length && !this.unfinished.length) this.piece("sheet").close();
  }

  /** A file whose handle was kept is read again after one question of the browser. */
  async read(job) {
    if ((await job.handle.requestPermission?.({ mode: "read" })) === "denied") return;
    const file = await job.handle.getFile().catch(() => null);
    if (file) this.add([{ file, path: job.path, handle: job.handle }]);
  }

  /** What this browser began before the page was loaded. */
  async remember() {
    const remembered = all();
    if (!remembered.size) return;
    const open = await list().catch(() => []);
    for (const one of open) {
      const url = `/uploads/${one.upload}`;
      const print = remembered.get(url);
      if (!print) continue;
      const handle = await handleOf(print);
      this.unfinished.push({ ...one, path: one.name, shown: one.offset, state: "unfinished", url, print, handle });
    }
    const known = new Set(open.map((one) => `/uploads/${one.upload}`));
    for (const [url, print] of remembered) if (!known.has(url)) forget(print);
    this.draw();
  }

  soon() {
    this.timer ??= setTimeout(() => this.draw(), DRAW_MS);
  }

  draw() {
    clearTimeout(this.timer);
    this.timer = null;
    const { sender, words, unfinished } = this;
    const { jobs } = sender;
    const troubles = jobs.filter((job) => job.state === "trouble");
    const more = this.rows.draw([...jobs, ...unfinished], sender);
    const sums = this.sums(jobs);
    this.piece("sum").hidden = !jobs.length;
    this.friends.see(jobs, this.piece("sheet").open);
    this.piece("more").hidden = !more;
    this.piece("more").textContent = more ? sentence(words, "more", { count: more }) : "";
    const hitch = this.hitch(troubles.length);
    this.piece("trouble").hidden = !hitch;
    this.piece("trouble-said").textContent = hitch;
    this.headings(sums, troubles.length);
    this.choices(sums);
  }

  sums(jobs) {
    const here = jobs.filter((job) => job.state === "done" || job.state === "same").length;
    const bytes = (field) => jobs.reduce((sum, job) => sum + job[field], 0);
    const [done, whole] = [bytes("shown"), bytes("size")];
    return { here, count: jobs.length, done, whole, part: whole ? done / whole : jobs.length ? here / jobs.length : 0 };
  }

  headings(sums, troubles) {
    const { words, sender } = this;
    const { here, count } = sums;
    const ended = count > 0 && !sender.isBusy;
    const waits = !count && this.unfinished.length;
    const title = waits ? sentence(words, "waits", { count: waits }) : sentence(words, ended ? "added" : "adding", { count: ended ? here : count });
    for (const name of ["title", "bar-title"]) this.piece(name).textContent = title;
    const counted = { done: number(here), all: number(count) };
    this.piece("count").textContent = sentence(words, "part", counted);
    this.piece("bytes").textContent = count ? sentence(words, "part", sizes(sums.done, sums.whole)) : "";
    this.piece("bar-line").textContent = waits ? words["waits-line"] : this.state(troubles) || sentence(words, "on-box", counted);
    const bar = this.querySelector("[data-sum] > .bar");
    bar.firstElementChild.style.transform = `scaleX(${sums.part})`;
    bar.setAttribute("aria-valuenow", String(Math.floor(sums.part * WHOLE)));
    this.piece("show").style.setProperty("--part", String(Math.round(sums.part * WHOLE)));
    this.piece("show").hidden = !count && !waits;
    document.body.classList.toggle("with-bar", !this.piece("show").hidden);
    if (ended !== this.ended) this.piece("said").textContent = title;
    this.ended = ended;
  }

  /** Why nothing moves, in words; empty when it does. */
  state(troubles) {
    const { words, sender } = this;
    if (sender.locked) return words.locked;
    return sender.paused ? words.paused : this.hitch(troubles);
  }

  /** What the network, or single files, hold up. */
  hitch(troubles) {
    const { words, sender } = this;
    if (sender.isBusy && sender.isOffline) return words.offline;
    if (sender.isBusy && sender.away) return words.unreachable;
    return troubles ? sentence(words, "trouble", { count: troubles }) : "";
  }

  choices({ here }) {
    const { isBusy, paused } = this.sender;
    this.piece("pause").hidden = !isBusy || paused;
    this.piece("go-on").hidden = !isBusy || !paused;
    this.piece("look").hidden = isBusy || !here || this.unfinished.length > 0;
    this.piece("choose").hidden = isBusy || !this.unfinished.length;
    this.piece("keep-open").hidden = !isBusy;
    if (isBusy) this.lamp?.();
  }

  /** The locker was locked: open it here, or in another tab, and go on. */
  takeDoor() {
    this.piece("reopen").addEventListener("click", () => this.open());
    this.piece("passphrase").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.open();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.sender.locked) this.sender.unlocked();
    });
  }

  /** The locker was locked under what is sent; or the session of this page ended. */
  askToOpen() {
    this.draw();
    const [title, text] = this.sender.locked ? ["locked-title", "locked-text"] : ["ended-title", "ended-text"];
    this.piece("locked-heading").textContent = this.words[title];
    this.piece("locked-text").textContent = this.words[text];
    const dialog = this.piece("locked");
    if (!dialog.open) dialog.showModal();
  }

  async open() {
    const field = this.piece("passphrase");
    const body = new URLSearchParams({ member: this.dataset.member, passphrase: field.value });
    const answer = await fetch("/open", { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
    const { error } = (await answer?.json().catch(() => null)) ?? {};
    const said = this.piece("locked-said");
    said.hidden = Boolean(answer?.ok);
    if (answer?.ok) {
      field.value = "";
      this.piece("locked").close();
      this.sender.unlocked();
      document.dispatchEvent(new Event("locker:opened"));
      return;
    }
    said.textContent = error ? `${error.sentence} ${error.advice}` : this.words.unreachable;
    field.select();
  }

  /** Keep the screen on while files are sent, where the browser can. */
  stayAwake() {
    let held = null;
    this.lamp = async () => {
      if (held || !navigator.wakeLock || document.visibilityState !== "visible") return;
      held = {};
      held = await navigator.wakeLock.request("screen").catch(() => null);
      held?.addEventListener("release", () => (held = null));
    };
    this.sender.addEventListener("change", () => !this.sender.isBusy && held?.release?.());
    document.addEventListener("visibilitychange", () => this.sender.isBusy && this.lamp());
  }

  /** News of an upload; whether it is ours is known a moment later, when our own request was answered. */
  heard(id) {
    this.elsewhere.set(id, Date.now());
    for (const wait of [OURS_MS, ELSEWHERE_MS + OURS_MS]) setTimeout(() => this.tellElsewhere(), wait);
  }

  tellElsewhere() {
    for (const [id, at] of this.elsewhere) {
      if (Date.now() - at > ELSEWHERE_MS || this.sender.own.has(`/uploads/${id}`)) this.elsewhere.delete(id);
    }
    const count = this.elsewhere.size;
    for (const line of document.querySelectorAll("[data-elsewhere]")) {
      line.hidden = !count;
      line.textContent = count ? sentence(this.words, "elsewhere", { count }) : "";
    }
  }
}

customElements.define("locker-uploads", LockerUploads);
