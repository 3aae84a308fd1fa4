// Reads a QR code with the camera into a field, where the browser can do it; the button stays hidden elsewhere.

/** Show the button if this browser reads QR codes; a found text goes into the field it names, with a "scanned" event. */
export async function offerScan(button) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  const kinds = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!kinds.includes("qr_code")) return;
  button.hidden = false;
  button.addEventListener("click", () => scan(button));
}

async function scan(button) {
  const field = document.querySelector(button.dataset.scan);
  const dialog = document.createElement("dialog");
  dialog.className = "scanning";
  dialog.setAttribute("aria-label", button.dataset.scanTitle);
  const title = document.createElement("p");
  title.className = "voice-m";
  title.textContent = button.dataset.scanTitle;
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet wide";
  close.textContent = button.dataset.scanClose;
  close.addEventListener("click", () => dialog.close());
  dialog.append(title, video, close);
  document.body.append(dialog);
  dialog.showModal();
  let stream = null;
  dialog.addEventListener("close", () => {
    stream?.getTracks().forEach((track) => track.stop());
    dialog.remove();
  });
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    title.textContent = button.dataset.scanNo;
    return;
  }
  video.srcObject = stream;
  await video.play();
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  const look = async () => {
    if (!dialog.open) return;
    const [found] = await detector.detect(video).catch(() => []);
    if (!found) {
      setTimeout(look, 200);
      return;
    }
    dialog.close();
    field.value = found.rawValue;
    field.dispatchEvent(new Event("scanned", { bubbles: true }));
  };
  look();
}
