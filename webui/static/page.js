// Small comforts on every page. Everything here works without it; nothing is sent anywhere.

/** The claim code in the address: "#CODE" or "#c=CODE". Fragments never leave the browser. */
function codeInFragment() {
  const text = decodeURIComponent(location.hash.slice(1)).replace(/^c=/, "");
  return /^[0-9A-Za-z -]{16,24}$/.test(text) ? text : "";
}

/** Write a typed code as four groups of four, with the look-alikes mapped as on the label. */
function grouped(text) {
  const plain = text.toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1").replace(/[^0-9A-Z]/g, "").slice(0, 16);
  return plain.replace(/(.{4})(?=.)/g, "$1-");
}

function claimCode(input) {
  const hint = document.getElementById(input.getAttribute("aria-describedby"));
  const words = hint.dataset.count;
  const tell = () => {
    const typed = input.value.replace(/[^0-9A-Za-z]/g, "").length;
    if (words) hint.textContent = words.replace("{typed}", String(typed));
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
  if (input.value) tell();
}

/** Take the code in the fragment along to the private connection, still only as a fragment. */
function carryFragment(link) {
  const found = codeInFragment();
  if (found) link.href = new URL("/claim", link.href).href + "#" + encodeURIComponent(found);
}

/** Say while typing whether the offered words are right so far. */
function compareWords(input) {
  const hint = document.getElementById(input.getAttribute("aria-describedby"));
  const plain = (text) => text.trim().toLowerCase().replace(/[\s-]+/g, " ");
  const offered = plain(input.dataset.compare);
  const first = hint.textContent;
  input.addEventListener("input", () => {
    const typed = plain(input.value);
    const { good, soFar, own } = hint.dataset;
    hint.textContent = typed === "" ? first : typed === offered ? good : offered.startsWith(typed) ? soFar : own;
    hint.classList.toggle("good", typed === offered);
  });
}

/** A button that shows what is typed into a passphrase field. */
function eye(input) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.setAttribute("aria-label", input.dataset.eye);
  button.setAttribute("aria-pressed", "false");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const sheet = document.documentElement.dataset.icons;
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sheet}#eye`);
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

for (const input of document.querySelectorAll("[data-claim-code]")) claimCode(input);
for (const link of document.querySelectorAll("[data-carry-fragment]")) carryFragment(link);
for (const input of document.querySelectorAll("[data-compare]")) compareWords(input);
for (const input of document.querySelectorAll("[data-eye]")) eye(input);
for (const form of document.querySelectorAll("form[method=post]")) busy(form);
document.querySelector(".said.risk[role=alert]")?.scrollIntoView({ block: "center" });
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
