// The page of a box out of reach: looks for the box by itself and goes on where the reader wanted to be.

const AGAIN_MS = 5000;

async function look() {
  try {
    const answer = await fetch("/status", { cache: "no-store", signal: AbortSignal.timeout(AGAIN_MS) });
    if (!answer.ok) return;
    if (location.pathname === "/away") location.replace("/");
    else location.reload();
  } catch {
    // still away
  }
}

setInterval(look, AGAIN_MS);
addEventListener("online", look);
document.addEventListener("visibilitychange", () => document.hidden || look());
document.querySelector("[data-again]").addEventListener("click", (event) => {
  event.preventDefault();
  if (location.pathname === "/away") location.replace("/");
  else location.reload();
});
