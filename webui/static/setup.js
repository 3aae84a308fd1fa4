// The first minutes: the claim code in its groups, the words typed back, a face for a name. Works without it, too.

import { codeInFragment, grouped } from "./claim-code.js";
import { offerScan } from "./scan.js";

const GROUPS = 4;

/** Draw one real field as four groups of four characters; the field itself lies over them, unseen. */
function drawGroups(input) {
  const frame = input.parentElement;
  const boxes = Array.from({ length: GROUPS }, () => document.createElement("i"));
  for (const box of boxes) box.setAttribute("aria-hidden", "true");
  frame.append(...boxes);
  frame.classList.add("drawn");
  return () => {
    const plain = input.value.replace(/[^0-9A-Za-z]/g, "").toUpperCase();
    const at = Math.min(GROUPS - 1, Math.floor(plain.length / GROUPS));
    boxes.forEach((box, number) => {
      box.textContent = plain.slice(number * GROUPS, (number + 1) * GROUPS);
      box.classList.toggle("here", number === at);
    });
  };
}

function claimCode(input) {
  const hint = document.getElementById(input.getAttribute("aria-describedby"));
  const first = hint.textContent;
  const draw = drawGroups(input);
  const tell = () => {
    const typed = input.value.replace(/[^0-9A-Za-z]/g, "").length;
    hint.textContent = typed ? hint.dataset.count.replace("{typed}", String(Math.min(typed, 16))) : first;
    draw();
  };
  const take = () => {
    const found = codeInFragment();
    if (!found) return;
    input.value = grouped(found);
    history.replaceState(null, "", location.pathname + location.search);
    tell();
  };
  take();
  addEventListener("hashchange", take);
  input.addEventListener("input", () => {
    if (input.selectionStart === input.value.length) input.value = grouped(input.value);
    tell();
  });
  input.addEventListener("scanned", () => {
    input.value = grouped(input.value.includes("#") ? codeInFragment(new URL(input.value).hash) : input.value);
    tell();
    if (input.value.length === 19) input.form.requestSubmit();
  });
  if (input.value) tell();
}

/** Say while typing whether the offered words are right so far; a bar fills for every right one. */
function compareWords(input) {
  const hint = document.getElementById(input.getAttribute("aria-describedby"));
  const plain = (text) => text.trim().toLowerCase().replace(/[\s-]+/g, " ");
  const offered = plain(input.dataset.compare);
  const meter = input.closest(".field").querySelector(".meter");
  const first = hint.textContent;
  const look = () => {
    const typed = plain(input.value);
    const right = typed && offered.startsWith(typed);
    const { good, soFar, own } = hint.dataset;
    hint.textContent = typed === "" ? first : typed === offered ? good : right ? soFar : own;
    hint.classList.toggle("good", typed === offered);
    meter.hidden = !right;
    const words = offered.split(" ");
    const done = words.filter((_, at) => typed.startsWith(words.slice(0, at + 1).join(" "))).length;
    meter.querySelectorAll("i").forEach((bar, at) => bar.classList.toggle("full", at < done));
  };
  input.addEventListener("input", look);
  if (input.value) look();
}

/** The first letter of a name, in the round sign of a person. */
function initial(input) {
  const face = input.parentElement.querySelector(".face");
  const look = () => {
    const letter = [...input.value.trim()][0] ?? "";
    face.hidden = !letter;
    face.textContent = letter.toUpperCase();
    input.classList.toggle("faced", Boolean(letter));
  };
  input.addEventListener("input", look);
  look();
}

for (const input of document.querySelectorAll("[data-claim-code]")) claimCode(input);
for (const input of document.querySelectorAll("[data-compare]")) if (input.dataset.compare) compareWords(input);
for (const input of document.querySelectorAll("[data-initial]")) initial(input);
for (const button of document.querySelectorAll("[data-scan]")) offerScan(button);
