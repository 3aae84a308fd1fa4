// Lists of steps drawn as sliders; the list stays the field that is sent, so everything works without this.

function slider(card) {
  const list = card.querySelector("select");
  const shown = card.querySelector("output");
  const knob = document.createElement("input");
  const last = list.options.length - 1;
  Object.assign(knob, { type: "range", min: "0", max: String(last), value: String(list.selectedIndex), id: `${list.id}-knob` });
  const tell = () => {
    const { text } = list.options[knob.valueAsNumber];
    list.selectedIndex = knob.valueAsNumber;
    shown.textContent = text;
    knob.setAttribute("aria-valuetext", text);
    knob.style.setProperty("--at", String(last ? knob.valueAsNumber / last : 1));
  };
  knob.addEventListener("input", tell);
  list.hidden = true;
  shown.hidden = false;
  shown.htmlFor.value = knob.id;
  card.querySelector("label").htmlFor = knob.id;
  list.after(knob);
  tell();
  return () => {
    knob.value = String(list.selectedIndex);
    tell();
  };
}

const again = [...document.querySelectorAll("[data-slider]")].map(slider);
addEventListener("pageshow", () => again.forEach((tell) => tell()));
