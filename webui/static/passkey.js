// Passkeys: add one, or open a locker with one. Where the browser can (PRF), the passkey also opens a closed locker.

/** This browser has a passkey of this box: then it is offered first. */
const USED = "passkey-used";

const post = (where, fields) => fetch(where, { method: "POST", body: new URLSearchParams(fields) });

/** Base64url of what the passkey made of the box's salt, or "" where the browser cannot do that. */
function prfOf(credential) {
  const first = credential.getClientExtensionResults().prf?.results?.first;
  if (!first) return "";
  const text = btoa(String.fromCharCode(...new Uint8Array(first)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** The credential as text, without the secret PRF output, which travels in a field of its own. */
function asText(credential) {
  const plain = credential.toJSON();
  if (plain.clientExtensionResults?.prf) delete plain.clientExtensionResults.prf.results;
  return JSON.stringify(plain);
}

const canAdd = () => "PublicKeyCredential" in window && "parseCreationOptionsFromJSON" in PublicKeyCredential;
const canOpen = () => "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential;

class Told extends HTMLElement {
  tell(text) {
    const said = this.querySelector("[data-said]");
    said.hidden = !text;
    said.lastElementChild.textContent = text;
  }

  /** Say what the box answered; a passphrase that is needed once more is asked for on its page. */
  async refused(answer) {
    const { error } = await answer.json();
    if (error.code === "step-up-needed") location.href = `/sure?then=${location.pathname}`;
    else this.tell(`${error.sentence} ${error.advice}`);
  }
}

class PasskeyAdd extends Told {
  connectedCallback() {
    if (!canAdd()) return;
    const button = this.querySelector("[data-add]");
    button.disabled = false;
    this.querySelector("[data-without]").hidden = true;
    button.addEventListener("click", () => this.add());
  }

  async add() {
    this.tell("");
    const asked = await post("/box/passkeys/options", {});
    if (!asked.ok) return this.refused(asked);
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await asked.json());
    let credential = null;
    try {
      credential = await navigator.credentials.create({ publicKey });
    } catch {
      return this.tell(this.dataset.cancelled);
    }
    let prf = prfOf(credential);
    if (!prf && credential.getClientExtensionResults().prf?.enabled) prf = await this.askPrf(credential, publicKey);
    const label = this.querySelector("input").value;
    const answer = await post("/box/passkeys/add", { credential: asText(credential), label, prf });
    if (!answer.ok) return this.refused(answer);
    localStorage.setItem(USED, "yes");
    location.href = this.dataset.then;
    return undefined;
  }

  /** Some systems give the PRF output only when the new passkey is used for the first time. */
  async askPrf(credential, made) {
    const allowCredentials = [{ type: "public-key", id: credential.rawId }];
    const challenge = crypto.getRandomValues(new Uint8Array(32));
    const publicKey = { challenge, allowCredentials, userVerification: "required", extensions: made.extensions };
    try {
      return prfOf(await navigator.credentials.get({ publicKey }));
    } catch {
      return "";
    }
  }
}

class PasskeyOpen extends Told {
  connectedCallback() {
    if (!canOpen()) return;
    this.hidden = false;
    const used = localStorage.getItem(USED) !== null;
    this.querySelector("[data-open]").classList.toggle("wash", !used);
    this.closest("form").querySelector(".foot .button").classList.toggle("quiet", used);
    this.querySelector("[data-open]").addEventListener("click", () => this.open());
  }

  async open() {
    this.tell("");
    const form = this.closest("form");
    const member = form.elements.member.value;
    const asked = await post("/open/passkey/options", { member });
    if (!asked.ok) return this.refused(asked);
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await asked.json());
    let credential = null;
    try {
      credential = await navigator.credentials.get({ publicKey });
    } catch {
      return this.tell(this.dataset.cancelled);
    }
    const then = form.elements.then.value;
    const fields = { member, credential: asText(credential), prf: prfOf(credential), then };
    const answer = await post("/open/passkey", fields);
    if (!answer.ok) return this.refused(answer);
    localStorage.setItem(USED, "yes");
    location.href = (await answer.json()).go;
    return undefined;
  }
}

customElements.define("passkey-add", PasskeyAdd);
customElements.define("passkey-open", PasskeyOpen);
