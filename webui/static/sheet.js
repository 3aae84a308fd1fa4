// A sheet can be pulled down by its grip.

const FAR_ENOUGH = 90;

export class SheetDrag {
  /** Let `grab` move `sheet` (a dialog) down; far enough closes it. */
  constructor(sheet, grab) {
    let from = null;
    const move = (event) => from !== null && sheet.style.setProperty("--pulled", `${Math.max(0, event.clientY - from)}px`);
    const end = (event) => {
      if (from === null) return;
      const far = event.clientY - from > FAR_ENOUGH;
      from = null;
      sheet.style.removeProperty("--pulled");
      if (far) sheet.close();
    };
    grab.addEventListener("pointerdown", (event) => {
      from = event.clientY;
      grab.setPointerCapture(event.pointerId);
    });
    grab.addEventListener("pointermove", move);
    grab.addEventListener("pointerup", end);
    grab.addEventListener("pointercancel", end);
  }
}
