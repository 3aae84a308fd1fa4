// On the private connection: registers the service worker, tells the box once that it is trusted, offers to install.
// A browser that does not trust the certificate refuses to register; then nothing of this happens.

/** Trusted Types: the one script address this page may ever make. */
function workerAddress() {
  const policy = window.trustedTypes?.createPolicy("sw", { createScriptURL: () => "/sw.js" });
  return policy ? policy.createScriptURL("") : "/sw.js";
}

/** What the service worker speaks when the box cannot. */
async function rememberLanguage() {
  const read = await caches.open("read");
  await read.put("/language", new Response(document.documentElement.lang));
}

async function register() {
  try {
    await navigator.serviceWorker.register(workerAddress(), { scope: "/", updateViaCache: "none" });
    await rememberLanguage();
    if (localStorage.getItem("trusted") !== "told") {
      const form = new URLSearchParams();
      const answer = await fetch("/trusted", { method: "POST", body: form });
      if (answer.ok) localStorage.setItem("trusted", "told");
    }
  } catch {
    // not trusted (yet), or a window that keeps nothing: the pages work without it
  }
}

/** Show the card that offers to put the box on the home screen, where the system can. */
function offer(card) {
  const isApp = matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;
  if (isApp) return;
  if (navigator.standalone === false) {
    card.querySelector("[data-by-hand]").hidden = false;
    card.hidden = false;
  }
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    const button = card.querySelector("button");
    button.hidden = false;
    card.hidden = false;
    button.addEventListener("click", () => event.prompt(), { once: true });
  });
  addEventListener("appinstalled", () => {
    card.hidden = true;
  });
}

const card = document.querySelector("[data-install]");
if (card) offer(card);
if (window.isSecureContext && "serviceWorker" in navigator) register();
