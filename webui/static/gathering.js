// Where files come from: a field, a drop (folders too, with their inner paths), the clipboard.
// Every way yields [{ file, path, handle }]; `handle` only where the browser can give the file again later.

/** Call `take(entries)` for whatever is dropped on or pasted into the page. */
export function gather(take) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", async (event) => {
    document.body.classList.remove("dragging");
    if (!carries(event)) return;
    event.preventDefault();
    take(await dropped(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || event.target.closest?.("input, textarea")) return;
    event.preventDefault();
    take(files.map((file) => ({ file, path: dated(file) })));
  });
}

/** What was chosen in a file field. */
export function chosen(field) {
  const files = [...field.files];
  field.value = "";
  return files.map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Everything in a drop, walking through folders. Entries and handles must be asked for before the first await. */
async function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const found = items.map((item) => ({
    file: item.getAsFile(),
    entry: item.webkitGetAsEntry?.() ?? null,
    handle: item.getAsFileSystemHandle?.().catch(() => null) ?? null,
  }));
  const entries = [];
  for (const { file, entry, handle } of found) {
    if (entry?.isDirectory) await walk(entry, "", entries);
    else if (file) {
      const known = await handle;
      entries.push({ file, path: file.name, handle: known?.kind === "file" ? known : null });
    }
  }
  return entries;
}

async function walk(folder, above, entries) {
  const here = `${above}${folder.name}/`;
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const entry of some) {
      if (entry.isDirectory) await walk(entry, here, entries);
      else {
        const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
        if (file) entries.push({ file, path: `${here}${file.name}` });
      }
    }
  }
}

/** Pasted pictures are all called image.png; the moment tells them apart. */
function dated(file) {
  if (!/^image\.\w+$/.test(file.name)) return file.name;
  const now = new Date(file.lastModified);
  const two = (value) => String(value).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join("-");
  return `${day} ${time}.${file.name.split(".").pop()}`;
}
