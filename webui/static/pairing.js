// Two boxes that meet: the invitation in a link's fragment, the room as a slider, pages that wait and go on by
// themselves. Everything here works without it, by forms and by pages that load again.

import { offerScan } from "./scan.js";

const EVERY_MS = 1500;
const KEPT = "locker-invitation";
const TICKET = /lbx\d[a-z2-7]+/i;
const WORDS = 6;

/** The invitation in the address, taken out of it at once; else the one that waited while somebody logged in. */
function takeInvitation() {
  const found = decodeURIComponent(location.hash.slice(1)).match(TICKET)?.[0] ?? "";
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  try {
    const kept = sessionStorage.getItem(KEPT) ?? "";
    sessionStorage.removeItem(KEPT);
    return found || kept;
  } catch {
    return found; // a browser that keeps nothing
  }
}

function keepInvitation(text) {
  try {
    sessionStorage.setItem(KEPT, text);
    return true;
  } catch {
    return false;
  }
}

/** Where an invitation is typed, pasted or scanned: say what is recognised so far. */
function invitation(field) {
  const hint = document.getElementById(field.getAttribute("aria-describedby"));
  const first = hint.textContent;
  const tell = () => {
    const words = field.value.trim().split(/[\s,.-]+/).filter(Boolean);
    const ticket = TICKET.test(field.value.replace(/\s+/g, ""));
    const said = ticket ? hint.dataset.ticket : words.length ? hint.dataset.words.replace("{typed}", String(words.length)) : first;
    hint.textContent = said;
    hint.classList.toggle("good", ticket || words.length === WORDS);
  };
  const take = () => {
    const found = takeInvitation();
    if (found) field.value = found;
    tell();
  };
  take();
  addEventListener("hashchange", take);
  field.addEventListener("input", tell);
  field.addEventListener("scanned", () => {
    tell();
    if (TICKET.test(field.value)) field.form.requestSubmit();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    field.form.requestSubmit();
  });
}

/** Draw the list of sizes as a slider; the list stays the field that is sent. */
function room(card) {
  const list = card.querySelector("select");
  const shown = card.querySelector("output");
  const theirs = document.querySelector("[data-room-says]");
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "0";
  slider.max = String(list.options.length - 1);
  slider.value = String(list.selectedIndex);
  slider.id = "room-slider";
  const tell = () => {
    const words = list.options[slider.valueAsNumber].text;
    list.selectedIndex = slider.valueAsNumber;
    shown.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    slider.style.setProperty("--at", String(list.options.length > 1 ? slider.valueAsNumber / (list.options.length - 1) : 1));
    theirs.textContent = card.dataset.says.replace("{size}", words);
  };
  slider.addEventListener("input", tell);
  list.hidden = true;
  shown.hidden = false;
  card.querySelector(".ends").hidden = false;
  card.querySelector("label").htmlFor = slider.id;
  list.after(slider);
  tell();
}

/** Put `text` where other apps can take it; say so on the button. */
async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    document.querySelector("details.as-text")?.setAttribute("open", "");
    return;
  }
  const label = button.querySelector("span");
  const before = label.textContent;
  label.textContent = button.dataset.done;
  setTimeout(() => (label.textContent = before), 4000);
}

function link(box) {
  const button = box.querySelector("[data-copy]");
  const share = box.querySelector("[data-share]");
  if (!button) return;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => copy(button, box.dataset.link));
  share.hidden = !navigator.share;
  share.addEventListener("click", () => navigator.share({ text: box.dataset.said }).catch(() => {}));
}

/** Read the six words out, slowly. */
function aloud(button) {
  if (!globalThis.speechSynthesis) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const said = new SpeechSynthesisUtterance(button.dataset.aloud);
    said.lang = "en";
    said.rate = 0.75;
    speechSynthesis.cancel();
    speechSynthesis.speak(said);
  });
}

/** A page that waits: as soon as the box knows more than this page shows, the next page comes. */
function waiting(page) {
  const { waiting: id, state, theirs } = page.dataset;
  const found = (all) => {
    if (id !== "i") return all.find((one) => one.id === id);
    return all.findLast((one) => one.id.startsWith("i") && ["met", "paired"].includes(one.state) && one.mine === null);
  };
  const look = async () => {
    if (document.visibilityState === "visible") {
      const answer = await fetch("/circle/pairing").catch(() => null);
      if (answer?.status === 401) return location.reload();
      const all = answer?.ok ? (await answer.json()).pairings : null;
      const one = all && found(all);
      if (one && id === "i") return location.replace(`/circle/pairing/${one.id}`);
      if (all && id === "i" && !all.some((each) => each.state === "open")) return location.reload();
      if (one && (one.state !== state || (one.theirs ? "yes" : "") !== (theirs ?? ""))) return location.reload();
    }
    setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);
}

/** Where the link of an invitation leads: members go on, the others take the invitation along. */
function landing(page) {
  const text = takeInvitation();
  const button = page.querySelector("[data-copy]");
  if (!text) return;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => copy(button, text));
  const on = page.querySelector("[data-carry]");
  on.addEventListener("click", () => {
    if (!keepInvitation(text)) on.hash = text;
  });
  if (page.dataset.landing) on.click();
}

for (const field of document.querySelectorAll("[data-invitation]")) invitation(field);
for (const card of document.querySelectorAll("[data-room]")) room(card);
for (const box of document.querySelectorAll("[data-link]")) link(box);
for (const button of document.querySelectorAll("[data-aloud]")) aloud(button);
for (const button of document.querySelectorAll("[data-scan]")) offerScan(button);
for (const page of document.querySelectorAll("[data-waiting]")) waiting(page);
for (const page of document.querySelectorAll("[data-landing]")) landing(page);
if (document.querySelector("[data-soon]") && performance.getEntriesByType("navigation")[0]?.type !== "reload") {
  setTimeout(() => location.reload(), 2500); // what the other home gives is known within seconds
}
document.documentElement.dataset.awake = "yes";
