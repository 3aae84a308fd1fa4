// Files in folders: what was put into the bin leaves the list, and comes back with it.

const lists = document.querySelectorAll("[data-selectable]");
const gone = new Map();

document.addEventListener("locker:gone", ({ detail }) => {
  for (const list of lists) {
    for (const id of detail.ids) {
      const item = list.querySelector(`[data-record="${id}"]`)?.closest("li");
      if (!item) continue;
      item.hidden = true;
      gone.set(id, item);
    }
  }
});

document.addEventListener("locker:back", ({ detail }) => {
  for (const id of detail.ids) {
    const item = gone.get(id);
    if (item) item.hidden = false;
    gone.delete(id);
  }
});

const toast = document.querySelector("[data-toast]");
if (toast) {
  history.replaceState(null, "", location.pathname);
  const leave = () => (toast.matches(":focus-within, :hover") ? setTimeout(leave, 2000) : toast.remove());
  setTimeout(leave, 6000);
}
