// While files are being sent, going from page to page must not end it: then (and only then) the next page is fetched
// and its content put in place of this one; <locker-uploads> stays. Pages hear "locker:page" on the document.

const LEAVING = new Set(["/lock", "/leave", "/language"]);
const HEADERS_RECEIVED = 2;
const SAVING_MS = 1000;

/** Ask before the page is left while `isBusy()`. What the browser saves (links with data-download, "locker:download")
 * is an address like any other to it, but leaves the page where it is: no question then. */
function askBeforeLeaving(isBusy) {
  let saving = -SAVING_MS;
  const saves = () => (saving = performance.now());
  addEventListener("click", (event) => event.target.closest?.("a[data-download]") && saves());
  document.addEventListener("locker:download", saves);
  addEventListener("beforeunload", (event) => {
    if (isBusy() && performance.now() - saving > SAVING_MS) event.preventDefault();
  });
}

/** Walk softly while `isBusy()`; `stays` is the element that outlives pages. */
export function keepWalking(isBusy, stays) {
  const loaded = new Set([...document.querySelectorAll("script[type=module][src]")].map((script) => script.src));
  let soft = false;
  let here = location.pathname;

  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = !(event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || !isBusy() || link.target || "download" in link.dataset || link.origin !== location.origin) return;
    if (link.pathname === location.pathname && link.search === location.search && link.hash) return;
    event.preventDefault();
    walk("GET", link.href);
  });
  addEventListener("submit", (event) => {
    const form = event.target;
    const where = new URL(event.submitter?.getAttribute("formaction") ?? form.action, location.href);
    if (event.defaultPrevented || !isBusy() || form.method === "dialog" || LEAVING.has(where.pathname)) return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    if (form.method === "get") walk("GET", `${where.pathname}?${fields}`);
    else walk("POST", where.href, fields);
  });
  // Before the listeners of pages that were left: going back to another page is no news for them.
  const back = (event) => {
    if (location.pathname === here || !(soft || isBusy())) return;
    event.stopImmediatePropagation();
    if (isBusy()) walk("GET", location.href, null, false);
    else if (soft) location.reload();
  };
  addEventListener("popstate", back, { capture: true });
  askBeforeLeaving(isBusy);

  function walk(method, url, body = null, forward = true) {
    const shown = stays.querySelectorAll("dialog[open].sheet"); // one that is opened on the way stays
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "document";
    request.addEventListener("readystatechange", () => {
      const isPage = request.getResponseHeader("Content-Type")?.startsWith("text/html");
      if (request.readyState !== HEADERS_RECEIVED || isPage) return;
      request.abort();
      if (method === "GET") location.assign(url);
    });
    request.addEventListener("load", () => {
      const page = request.response;
      if (!page?.querySelector("locker-uploads")) {
        location.assign(request.responseURL || url);
        return;
      }
      if (forward) history.pushState(null, "", request.responseURL);
      soft = true;
      here = location.pathname;
      for (const sheet of shown) sheet.close();
      place(page);
    });
    request.addEventListener("error", () => location.assign(url));
    request.send(body);
  }

  function place(page) {
    const old = [...document.body.children].filter((child) => child !== stays);
    const fresh = [...page.body.children].filter((child) => child.localName !== stays.localName && child.localName !== "script");
    const named = [...page.querySelectorAll("script[type=module][src]")].map((script) => script.getAttribute("src"));
    const scripts = [...named, ...(page.body.dataset.later?.match(/\S+/g) ?? [])].map((address) => new URL(address, location.href).href);
    const kept = document.body.classList.contains("with-bar");
    document.title = page.title;
    document.body.className = page.body.className;
    document.body.classList.toggle("with-bar", kept);
    for (const child of old) child.remove();
    for (const child of fresh) stays.before(document.adoptNode(child));
    for (const script of scripts) {
      if (loaded.has(script)) continue;
      loaded.add(script);
      import(script);
    }
    scrollTo(0, 0);
    const main = document.getElementById("main");
    main?.setAttribute("tabindex", "-1");
    main?.focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("locker:page"));
  }
}
