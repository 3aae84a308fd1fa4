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
    if (button.dataset.scanPhoto) close.before(photoOf(button, title, (text) => take(dialog, field, text)));
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
    take(dialog, field, found.rawValue);
  };
  look();
}

function take(dialog, field, text) {
  dialog.close();
  field.value = text;
  field.dispatchEvent(new Event("scanned", { bubbles: true }));
}

/** A photo of the square does as well, where the camera is not free. */
function photoOf(button, title, found) {
  const label = document.createElement("label");
  label.className = "button wide";
  label.textContent = button.dataset.scanPhoto;
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = "image/*";
  chooser.className = "quietly";
  chooser.addEventListener("change", async () => {
    const picture = await createImageBitmap(chooser.files[0]).catch(() => null);
    const [square] = picture ? await new BarcodeDetector({ formats: ["qr_code"] }).detect(picture).catch(() => []) : [];
    if (square) found(square.rawValue);
    else title.textContent = button.dataset.scanNone;
  });
  label.append(chooser);
  return label;
}
