// A kit on a new box: words are counted and looked up while they are typed, squares scanned. Works without it, too.

import { offerScan } from "./scan.js";

const PAUSE_MS = 400;
const NEAR_MS = 4000;
const ALL = 24;

/** Say how many words there are, and which one is not on the list, as soon as its letters rest. */
function kitWords(field) {
  const hint = document.getElementById(field.getAttribute("aria-describedby"));
  const [said, near] = [field.parentElement.querySelector("[data-said]"), field.parentElement.querySelector("[data-near]")];
  const button = near.querySelector("button");
  const first = hint.textContent;
  let timer = 0;
  let asked = 0;
  const tell = ({ count, sentence, nearest, fixed }) => {
    hint.textContent = count === ALL && !sentence ? hint.dataset.all : count ? hint.dataset.count.replace("{typed}", String(count)) : first;
    hint.classList.toggle("good", count === ALL && !sentence);
    said.textContent = sentence ?? "";
    near.hidden = !nearest;
    if (!nearest) return;
    button.dataset.value = fixed;
    button.textContent = button.dataset.use.replace("{word}", nearest);
    button.hidden = false;
  };
  const ask = async () => {
    const mine = ++asked;
    const body = new URLSearchParams({ words: field.value });
    const answer = await fetch("/restore", { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => null);
    if (mine !== asked || !answer?.ok || !answer.headers.get("Content-Type")?.includes("json")) return;
    field.parentElement.querySelector(".said")?.remove();
    field.parentElement.classList.remove("bad");
    tell(await answer.json());
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });
  button.addEventListener("click", () => {
    field.focus();
    setTimeout(ask);
  });
}

/** Boxes on this network whose owners help appear by themselves. */
function nearBoxes() {
  const list = document.querySelector("[data-near-boxes]");
  const asking = new XMLHttpRequest();
  asking.responseType = "document";
  asking.addEventListener("load", () => {
    const found = asking.response?.querySelector("[data-near-boxes]");
    if (!found || document.querySelector("form[data-sent]")) return;
    if (!list.isEqualNode(found)) list.replaceWith(document.importNode(found, true));
    setTimeout(nearBoxes, NEAR_MS);
  });
  asking.addEventListener("error", () => setTimeout(nearBoxes, NEAR_MS));
  asking.open("GET", "/restore/friends");
  asking.send();
}

for (const field of document.querySelectorAll("[data-kit-words]")) kitWords(field);
for (const field of document.querySelectorAll("[data-kit-words], [data-contact]")) {
  field.addEventListener("scanned", () => field.form.requestSubmit());
}
if (document.querySelector("[data-near-boxes]")) setTimeout(nearBoxes, NEAR_MS);
for (const button of document.querySelectorAll("[data-scan]")) offerScan(button);
document.documentElement.dataset.awake = "yes";
