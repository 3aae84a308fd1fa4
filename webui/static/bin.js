// Many things in the bin at once: take them back, or let them go for good.

import { sentence } from "./amounts.js";
import { selection, send, toast } from "./select.js";

const AT_ONCE = { undelete: 1000, gone: 100 };

const bar = document.querySelector("[data-select-bar]");
const words = bar ? JSON.parse(bar.querySelector("[data-words]").textContent) : {};

const acts = {
  /** Take them back and let their rows go. */
  async undelete(ids) {
    try {
      await send("/selection/undelete", { ids: ids.join(",") });
    } catch (error) {
      toast(error.message);
      return;
    }
    for (const id of ids) document.querySelector(`[data-record="${id}"]`)?.closest("li").remove();
    selection.end();
    toast(sentence(words, "back", { count: ids.length }));
    if (!document.querySelector("[data-selectable] [data-record]")) location.reload();
  },
  /** The box asks on a page of its own. */
  gone(ids) {
    location.assign(`/bin/gone?ids=${ids.join(",")}`);
  },
};

if (bar) {
  const buttons = bar.querySelectorAll("[data-bin]");
  const show = () => {
    for (const button of buttons) button.disabled = !selection.ids.size || selection.ids.size > AT_ONCE[button.dataset.bin];
  };
  selection.addEventListener("change", show);
  for (const button of buttons) button.addEventListener("click", () => acts[button.dataset.bin]([...selection.ids]));
  show();
}
