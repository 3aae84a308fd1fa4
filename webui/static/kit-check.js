// Three words of the kit, typed back one at a time: each is checked as soon as it is left, without a new page.

const form = document.querySelector("[data-kit-check]");
const done = form.querySelector(".foot .button");
const fields = [...form.querySelectorAll(".field")];
let finished = false;
let busy = false;

const current = () => fields.find((field) => !field.matches(".ok, .waiting"));

function waitForAll() {
  done.setAttribute("aria-disabled", String(!finished));
}

/** Say what is wrong, with the nearest word as a button. */
function tell(field, answer) {
  const verdict = field.querySelector(".verdict");
  verdict.replaceChildren();
  field.classList.toggle("bad", !answer.right);
  if (answer.right) return;
  const line = document.createElement("p");
  const fact = document.createElement("b");
  fact.textContent = answer.sentence;
  line.append(fact, ` ${answer.rest}`);
  verdict.append(line);
  if (answer.nearest) {
    const use = document.createElement("button");
    use.type = "button";
    use.className = "button wash";
    use.textContent = form.dataset.use.replace("{word}", answer.nearest);
    use.addEventListener("click", () => {
      field.querySelector("input").value = answer.nearest;
      check();
    });
    verdict.append(use);
  }
}

/** The field is right: the next one wakes up. */
function goOn(field) {
  const input = field.querySelector("input");
  field.classList.add("ok");
  input.readOnly = true;
  input.removeAttribute("name");
  const next = fields.find((one) => one.matches(".waiting"));
  if (!next) return;
  next.classList.remove("waiting");
  const awake = next.querySelector("input");
  awake.disabled = false;
  awake.name = "word";
  awake.placeholder = "";
  awake.focus();
  for (const later of fields.filter((one) => one.matches(".waiting"))) {
    const position = awake.id.replace("word-", "");
    later.querySelector("input").placeholder = form.dataset.waiting.replace("{position}", position);
  }
}

async function check() {
  const field = current();
  const input = field?.querySelector("input");
  if (!input?.value.trim() || busy) return;
  busy = true;
  try {
    const body = new URLSearchParams({ word: input.value });
    const answer = await fetch("/kit/check", { method: "POST", body, headers: { Accept: "application/json" } });
    if (answer.redirected || !answer.headers.get("Content-Type").includes("json")) {
      location.reload();
      return;
    }
    const said = await answer.json();
    tell(field, said);
    if (said.right) goOn(field);
    finished = said.done;
    waitForAll();
    if (finished) done.focus();
  } catch {
    tell(field, { right: false, sentence: form.dataset.moment, rest: "" });
  } finally {
    busy = false;
  }
}

form.addEventListener("change", check);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopImmediatePropagation();
  if (finished) location.href = form.dataset.next;
  else check();
}, true);
waitForAll();
