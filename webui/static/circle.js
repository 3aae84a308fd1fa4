// The circle: asking a friend by whatever this device writes messages with; an old page looks anew when it is seen again.

const OLD_MS = 60_000;
const loaded = Date.now();

for (const link of document.querySelectorAll("[data-ask]")) {
  if (!navigator.share) continue;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    navigator.share({ text: link.dataset.ask }).catch(() => {});
  });
}
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && Date.now() - loaded > OLD_MS) location.reload();
});
