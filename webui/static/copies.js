// How safe one record is with friends, as the box says it: the badge beside its name and the card with the ring.

const SVG = "http://www.w3.org/2000/svg";

/** Show `copies` (see webui/pages/copies.py) in `root`; null hides both, until they are known. */
export function showCopies(root, copies) {
  const card = root.querySelector("[data-copies]");
  const badge = root.querySelector("[data-copies-badge]");
  if (!card || !badge) return;
  card.hidden = badge.hidden = !copies;
  if (!copies) return;
  badge.className = `badge ${copies.look}`;
  badge.querySelector("use").setAttribute("href", `${document.documentElement.dataset.icons}#${copies.icon}`);
  badge.querySelector("[data-copies-word]").textContent = copies.badge;
  card.classList.toggle("ringed", copies.ring.length > 0);
  card.querySelector("[data-copies-title]").textContent = copies.title;
  card.querySelector("[data-copies-text]").textContent = copies.text;
  card.querySelector("[data-ring]").replaceChildren(...copies.ring.map(segment));
  card.querySelector("[data-copies-friends]").replaceChildren(...copies.friends.map(box));
}

function segment([look, dashes, offset]) {
  const made = document.createElementNS(SVG, "circle");
  const given = { class: look, cx: 32, cy: 32, r: 28.5, "stroke-dasharray": dashes, "stroke-dashoffset": offset };
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  return made;
}

function box({ initial, tint }) {
  const made = document.createElement("span");
  made.className = `mini-box ${tint}`;
  made.setAttribute("aria-hidden", "true");
  made.textContent = initial;
  return made;
}
