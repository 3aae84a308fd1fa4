// Adding files: one streaming PUT per file, two at a time, smallest first. Progress counts only what the box acknowledged.

const AT_ONCE = 2;
const ROWS = 40;
const THUMB = 104;
const WHOLE = 100;

class LockerAdding extends HTMLElement {
  connectedCallback() {
    this.words = JSON.parse(this.querySelector("[data-words]").textContent);
    this.piece = (name) => this.querySelector(`[data-${name}]`);
    this.jobs = [];
    this.waiting = [];
    this.running = 0;
    this.paused = false;
    this.drawing = Promise.resolve();
    const files = this.piece("files");
    const choose = this.piece("choose");
    choose.hidden = false;
    choose.addEventListener("click", () => files.click());
    files.addEventListener("change", () => {
      this.add([...files.files]);
      files.value = "";
    });
    this.takeDrops();
    this.piece("reopen").addEventListener("click", () => this.reopen());
    this.piece("passphrase").addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.reopen();
      }
    });
    addEventListener("beforeunload", (event) => {
      if (this.running || this.waiting.length) event.preventDefault();
    });
  }

  takeDrops() {
    const fine = matchMedia("(hover: hover)").matches;
    this.piece("drop-hint").hidden = !fine;
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      document.body.classList.add("dragging");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) document.body.classList.remove("dragging");
    });
    document.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      document.body.classList.remove("dragging");
      const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
      const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile()?.name);
      this.add([...event.dataTransfer.files].filter((file) => !folders.includes(file.name)));
      for (const name of folders) this.refuse(name, this.words.folder);
    });
  }

  add(files) {
    if (!files.length) return;
    this.piece("sum").hidden = false;
    const made = files.map((file) => ({ file, name: file.name, state: "waiting", row: null }));
    this.jobs.push(...made);
    this.waiting.push(...made);
    this.waiting.sort((one, other) => one.file.size - other.file.size);
    this.piece("look").hidden = true;
    this.tell();
    this.next();
  }

  refuse(name, sentence) {
    this.piece("sum").hidden = false;
    this.trouble({ file: null, name, row: null }, sentence, false);
  }

  next() {
    while (!this.paused && this.running < AT_ONCE && this.waiting.length) {
      const job = this.waiting.shift();
      this.running += 1;
      this.send(job).finally(() => {
        this.running -= 1;
        this.tell();
        this.next();
      });
    }
  }

  send(job) {
    this.show(job, this.words.waiting);
    this.picture(job);
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open("PUT", "/upload");
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-Name", encodeURIComponent(job.name.toWellFormed?.() ?? job.name));
      request.setRequestHeader("X-Changed", String(job.file.lastModified));
      request.upload.addEventListener("progress", (event) => this.sent(job, event.loaded));
      request.addEventListener("load", () => done(this.answered(job, request)));
      request.addEventListener("error", () => done(this.trouble(job, this.words.left, true)));
      request.send(job.file);
    });
  }

  sent(job, bytes) {
    const all = job.file.size;
    const line = job.row.querySelector("[data-line]");
    line.textContent = bytes < all ? this.fill("bytes", { done: size(bytes), all: size(all) }) : this.words.sealing;
    scale(job.row.querySelector("[data-bar] > i"), all ? bytes / all : 1);
  }

  answered(job, request) {
    if (request.status === 201) {
      const kept = JSON.parse(request.responseText);
      job.state = "done";
      job.row.querySelector("[data-bar]").hidden = true;
      job.row.querySelector("[data-done]").hidden = false;
      job.row.querySelector("[data-line]").textContent = kept.state === "same" ? this.words.same : size(job.file.size);
      this.fade();
      return;
    }
    if (request.status === 401 || request.status === 423) {
      job.state = "waiting";
      this.waiting.unshift(job);
      this.paused = true;
      job.row.querySelector("[data-line]").textContent = this.words.waiting;
      const dialog = this.piece("locked");
      if (!dialog.open) dialog.showModal();
      return;
    }
    let said = { sentence: this.words.left, advice: "" };
    try {
      said = JSON.parse(request.responseText).error;
    } catch {
      // A cut answer: the sentence above is true.
    }
    this.trouble(job, `${said.sentence} ${said.advice}`, true);
  }

  async reopen() {
    const field = this.piece("passphrase");
    const body = new URLSearchParams({ member: field.dataset.member, passphrase: field.value });
    const answer = await fetch("/open", { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
    const said = this.piece("locked-said");
    if (answer?.ok) {
      field.value = "";
      said.hidden = true;
      this.piece("locked").close();
      this.paused = false;
      this.next();
      return;
    }
    const found = await answer?.json().catch(() => null);
    said.textContent = found ? `${found.error.sentence} ${found.error.advice}` : this.words.left;
    said.hidden = false;
    field.select();
  }

  show(job, line) {
    if (!job.row) {
      const row = this.piece("row").content.cloneNode(true).firstElementChild;
      row.querySelector("[data-name]").textContent = job.name;
      this.piece("rows").prepend(row);
      job.row = row;
    }
    job.row.classList.remove("trouble");
    job.row.querySelector("[data-line]").textContent = line;
    job.row.querySelector("[data-again]").hidden = true;
    job.row.querySelector("[data-bar]").hidden = false;
  }

  trouble(job, sentence, again) {
    job.state = "trouble";
    this.show(job, sentence);
    job.row.classList.add("trouble");
    job.row.querySelector("[data-bar]").hidden = true;
    const button = job.row.querySelector("[data-again]");
    button.hidden = !again;
    button.onclick = () => {
      job.state = "waiting";
      this.waiting.push(job);
      this.show(job, this.words.waiting);
      this.next();
    };
    this.piece("rows").prepend(job.row);
  }

  /** Old rows that went well make room; trouble stays until it is dealt with. */
  fade() {
    const fine = [...this.piece("rows").children].filter((row) => !row.classList.contains("trouble") && !row.querySelector("[data-done]").hidden);
    for (const row of fine.slice(ROWS)) row.remove();
  }

  /** A little picture drawn here, one at a time, so that a phone's memory holds. */
  picture(job) {
    if (!job.file.type.startsWith("image/") || job.drawn) return;
    job.drawn = true;
    this.drawing = this.drawing.then(async () => {
      try {
        const bitmap = await createImageBitmap(job.file, { resizeWidth: THUMB * 2, resizeQuality: "medium" });
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = THUMB;
        const side = Math.min(bitmap.width, bitmap.height);
        canvas.getContext("2d").drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, THUMB, THUMB);
        bitmap.close();
        job.row.querySelector(".thumb").append(canvas);
      } catch {
        // Not every picture can be drawn by this browser; the box makes its own.
      }
    });
  }

  tell() {
    const done = this.jobs.filter((job) => job.state === "done");
    const bytes = (jobs) => jobs.reduce((sum, job) => sum + job.file.size, 0);
    const all = bytes(this.jobs);
    const share = this.jobs.length ? done.length / this.jobs.length : 0;
    this.piece("count").textContent = this.fill("count", { done: number(done.length), all: number(this.jobs.length) });
    this.piece("bytes").textContent = this.fill("bytes", { done: size(bytes(done)), all: size(all) });
    const bar = this.querySelector("[data-sum] > .bar");
    const part = all ? bytes(done) / all : share;
    scale(bar.firstElementChild, part);
    bar.setAttribute("aria-valuenow", String(Math.floor(part * WHOLE)));
    const idle = !this.waiting.length && !this.running;
    this.piece("keep-open").hidden = idle;
    this.piece("look").hidden = !(idle && done.length);
  }

  fill(key, fields) {
    return Object.entries(fields).reduce((text, [name, value]) => text.replace(`{${name}}`, value), this.words[key]);
  }
}

const language = document.documentElement.lang;
const number = (value) => new Intl.NumberFormat(language).format(value);

/** Decimal units, at most three digits, a narrow no-break space. */
function size(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const shown = new Intl.NumberFormat(language, unit ? { maximumSignificantDigits: 3 } : {}).format(value);
  return `${shown}\u202f${units[unit]}`;
}

function scale(bar, part) {
  bar.style.transform = `scaleX(${Math.min(1, part)})`;
}

customElements.define("locker-adding", LockerAdding);
