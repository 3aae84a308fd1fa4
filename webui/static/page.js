// Small comforts on every page. Everything here works without it; nothing is sent anywhere.

import { codeInFragment } from "./claim-code.js";

const DAY_MS = 86_400_000;
const LOOKED_MS = 1500;
const AGAIN_MS = 15_000;
const AGAIN_AT_ONCE = 12;

/** Modules the first look at a page does without come one by one, once the pictures in sight are there. */
function later() {
  const addresses = document.body.dataset.later?.match(/\S+/g) ?? [];
  let begun = false;
  const next = () => {
    const address = addresses.shift();
    if (!address) return;
    import(address);
    setTimeout(next);
  };
  const begin = () => {
    if (!begun) next();
    begun = true;
  };
  const looked = () => requestAnimationFrame(() => setTimeout(begin));
  setTimeout(begin, LOOKED_MS);
  if (document.readyState === "complete") looked();
  else addEventListener("load", looked, { once: true });
}

/** A session may end before the module that opens it again is here: it hears of it when it comes. */
async function repeatEnd() {
  if (customElements.get("locker-uploads")) return;
  await customElements.whenDefined("locker-uploads");
  document.dispatchEvent(new Event("locker:ended"));
}

/** Take the code in the fragment along to the private connection, still only as a fragment. */
function carryFragment(link) {
  const found = codeInFragment();
  if (found) link.href = new URL(`/claim${link.dataset.carryFragment}`, link.href).href + "#" + encodeURIComponent(found);
}

/** A device whose clock is a day or more away from the box's is refused by its own browser; say so before. */
function compareClocks(line) {
  const [here, box] = [performance.timeOrigin, Number(line.dataset.clock)];
  if (Math.abs(here - box) < DAY_MS) return;
  const { lang } = document.documentElement;
  const dates = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { dateStyle: "long" });
  line.querySelector("span").textContent = line.dataset.said.replace("{here}", dates.format(here)).replace("{box}", dates.format(box));
  line.hidden = false;
}

/** A button that shows what is typed into a passphrase field. */
function eye(input) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.setAttribute("aria-label", input.dataset.eye);
  button.setAttribute("aria-pressed", String(input.type === "text"));
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const sheet = document.documentElement.dataset.icons;
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sheet}#${input.type === "text" ? "eye-off" : "eye"}`);
  icon.append(use);
  button.append(icon);
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    use.setAttribute("href", `${sheet}#${shown ? "eye" : "eye-off"}`);
  });
  input.after(button);
}

/** A picture that cannot be had yet (it is still with friends) leaves its place empty and is asked for again. */
function unseen() {
  const waiting = new Set();
  const missing = (picture) => {
    picture.classList.add("unseen");
    waiting.delete(picture); // whoever asked last waits longest
    waiting.add(picture);
  };
  const seen = ({ target, type }) => {
    if (!(target instanceof HTMLImageElement)) return;
    if (type === "error") return missing(target);
    target.classList.remove("unseen");
    waiting.delete(target);
  };
  document.addEventListener("error", seen, true);
  document.addEventListener("load", seen, true); // the window never hears that a picture came (HTML, "load" and the window)
  for (const picture of document.images) if (picture.currentSrc && picture.complete && !picture.naturalWidth) missing(picture);
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    for (const picture of [...waiting].slice(0, AGAIN_AT_ONCE)) {
      if (picture.isConnected) picture.src = picture.src;
      else waiting.delete(picture);
    }
  }, AGAIN_MS);
}

/** A form acts once: its button says what is being done until the next page is there. */
function busy(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter ?? form.querySelector("button:not([type])");
    if (button && form.dataset.busy) {
      button.style.setProperty("min-width", `${button.offsetWidth}px`);
      button.setAttribute("aria-busy", "true");
      button.lastChild.textContent = form.dataset.busy;
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

later();
unseen();
document.addEventListener("locker:ended", repeatEnd);
for (const link of document.querySelectorAll("[data-carry-fragment]")) carryFragment(link);
for (const line of document.querySelectorAll("[data-clock]")) compareClocks(line);
for (const input of document.querySelectorAll("[data-eye]")) eye(input);
for (const form of document.querySelectorAll("form[method=post]")) busy(form);
document.querySelector(".said.risk[role=alert]")?.scrollIntoView({ block: "nearest" }); // what is in sight stays where it is
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
for (const form of document.querySelectorAll("[data-by-itself]")) form.requestSubmit();
for (const button of document.querySelectorAll("[data-put]")) {
  button.addEventListener("click", () => {
    document.querySelector(button.dataset.put).value = button.dataset.value;
    button.hidden = true;
  });
}
for (const label of document.querySelectorAll("[data-whose]")) {
  const tell = () => {
    const name = label.closest("form").querySelector("[data-name]:checked")?.dataset.name;
    if (name) label.textContent = label.dataset.whose.replace("{name}", name);
  };
  label.closest("form").addEventListener("change", tell);
  tell();
}
