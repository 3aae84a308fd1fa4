// The rows of the upload sheet: what is under way first, then what needs a person, then what is here, newest first.

import { sentence, size, sizes } from "./amounts.js";

const DONE_SHOWN = 30;
const WAITING_SHOWN = 2;
const THUMB = 104;
const RANKS = { sending: 0, checking: 0, trouble: 1, waiting: 2, unfinished: 3, done: 4, same: 4 };
const ICONS = [
  ["image/", "image"],
  ["video/", "film"],
  ["audio/", "music"],
  ["text/", "file-text"],
  ["application/pdf", "file-text"],
  ["application/zip", "archive"],
];

export class Rows {
  /** `act(name, job)` is called for "again", "leave" and "choose". */
  constructor(list, template, words, act) {
    this.list = list;
    this.template = template;
    this.words = words;
    this.act = act;
    this.rows = new Map();
    this.drawing = Promise.resolve();
  }

  /** Show `jobs`; returns how many that wait have no row. */
  draw(jobs, sender) {
    const { shown, hidden } = chosen(jobs);
    const rows = shown.map((job) => this.rowOf(job));
    for (const job of [...this.rows.keys()]) if (!shown.includes(job)) this.rows.delete(job);
    if (rows.some((row, at) => this.list.children[at] !== row) || this.list.children.length !== rows.length) {
      const focused = document.activeElement;
      this.list.replaceChildren(...rows);
      if (this.list.contains(focused)) focused.focus();
    }
    for (const job of shown) this.fill(job, sender);
    return hidden;
  }

  rowOf(job) {
    let row = this.rows.get(job);
    if (!row) {
      row = this.template.content.cloneNode(true).firstElementChild;
      row.querySelector("[data-name]").textContent = job.path.split("/").pop();
      row.querySelector("use").setAttribute("href", `${document.documentElement.dataset.icons}#${iconOf(job)}`);
      row.querySelector("[data-again]").addEventListener("click", () => this.act(job.state === "trouble" ? "again" : "choose", job));
      row.querySelector("[data-leave]").addEventListener("click", () => this.act("leave", job));
      this.rows.set(job, row);
      this.picture(job, row);
    }
    return row;
  }

  fill(job, sender) {
    const row = this.rows.get(job);
    const part = (name) => row.querySelector(`[data-${name}]`);
    const moves = job.state === "sending" || job.state === "unfinished";
    const asks = job.state === "trouble" || job.state === "unfinished";
    row.classList.toggle("trouble", job.state === "trouble");
    part("bar").hidden = !moves;
    part("bar").firstElementChild.style.transform = `scaleX(${job.size ? job.shown / job.size : 1})`;
    part("line").textContent = this.line(job, sender);
    part("done").hidden = job.safe || (job.state !== "done" && job.state !== "same");
    part("safe").hidden = !job.safe;
    part("choices").hidden = !asks;
    if (asks) part("again").textContent = this.words[this.choice(job)];
  }

  choice(job) {
    if (job.state === "unfinished") return job.handle ? "go-on" : "choose-again";
    return job.trouble.kind === "changed" ? "choose-again" : "again";
  }

  line(job, sender) {
    const { words } = this;
    if (job.state === "sending") return this.progress(job, sender);
    if (job.state === "checking" || job.state === "same") return words[job.state === "same" ? "same" : "checking"];
    if (job.state === "done") return size(job.size);
    if (job.state === "unfinished") return sentence(words, "unfinished", sizes(job.offset, job.size));
    if (job.state === "trouble") return this.trouble(job.trouble);
    return words[sender.locked ? "locked" : sender.paused ? "paused" : "waiting"];
  }

  progress(job, sender) {
    const { words } = this;
    if (job.tries && sender.isOffline) return words.offline;
    if (job.tries) return words.unreachable;
    const done = sentence(words, "part", sizes(job.shown, job.size));
    return job.note ? `${done} · ${words[job.note]}` : done;
  }

  trouble({ kind, said }) {
    if (kind === "changed") return this.words.changed;
    return said ? `${said.sentence} ${said.advice}` : this.words.left;
  }

  /** A little picture drawn here, one at a time, so that a phone's memory holds. */
  picture(job, row) {
    if (!job.file?.type.startsWith("image/")) return;
    this.drawing = this.drawing.then(async () => {
      try {
        if (!this.rows.has(job)) return;
        job.thumb ??= await thumbnail(job.file);
        row.querySelector(".thumb").append(job.thumb);
      } catch {
        // Not every picture can be drawn by this browser; the box makes its own.
      }
    });
  }
}

function chosen(jobs) {
  const rank = (job) => RANKS[job.state];
  const waiting = jobs.filter((job) => job.state === "waiting");
  const done = jobs.filter((job) => rank(job) === RANKS.done).sort((one, other) => other.ended - one.ended);
  const rest = jobs.filter((job) => rank(job) !== RANKS.done && job.state !== "waiting");
  const shown = [...rest, ...waiting.slice(0, WAITING_SHOWN), ...done.slice(0, DONE_SHOWN)];
  shown.sort((one, other) => rank(one) - rank(other));
  return { shown, hidden: Math.max(0, waiting.length - WAITING_SHOWN) };
}

function iconOf(job) {
  const type = job.file?.type ?? guessed(job.path);
  return ICONS.find(([start]) => type.startsWith(start))?.[1] ?? "file-question-mark";
}

/** What an unfinished file seems to be, by its name alone. */
function guessed(path) {
  if (/\.(jpe?g|heic|png|webp|avif|gif)$/i.test(path)) return "image/";
  return /\.(mp4|mov|m4v|webm|3gp)$/i.test(path) ? "video/" : "";
}

async function thumbnail(file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: THUMB * 2, resizeQuality: "medium" });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMB;
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  canvas.getContext("2d").drawImage(bitmap, left, top, side, side, 0, 0, THUMB, THUMB);
  bitmap.close();
  return canvas;
}
