// The service worker keeps the shell of the pages: style, icons, and what is said when the box is out of reach.
// It never keeps a page of a member, a picture or a file. Its name changes with the content of the shell.

const SHELL = ["SHELL"];
const NAME = "shell-VERSION";
const PATIENCE_MS = 12000;

self.addEventListener("install", (event) => {
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(fromShell(request));
  else if (request.mode === "navigate" && !url.pathname.endsWith("/file")) event.respondWith(fromBox(request));
});

async function keep() {
  const shell = await caches.open(NAME);
  await shell.addAll(SHELL);
  await self.skipWaiting();
}

async function tidy() {
  for (const name of await caches.keys()) {
    if (name.startsWith("shell-") && name !== NAME) await caches.delete(name);
  }
  await self.clients.claim();
}

async function fromShell(request) {
  const shell = await caches.open(NAME);
  return (await shell.match(request)) ?? fetch(request);
}

/** The page itself; when the box does not answer, the page that says so, in the language last read. */
async function fromBox(request) {
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), PATIENCE_MS));
  try {
    return await Promise.race([fetch(request), late]);
  } catch {
    const shell = await caches.open(NAME);
    const read = await (await caches.match("/language", { cacheName: "read" }))?.text();
    return (await shell.match(`/away?lang=${read}`)) ?? (await shell.match("/away?lang=en")) ?? Response.error();
  }
}
