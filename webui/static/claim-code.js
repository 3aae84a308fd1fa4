// Claim codes and invitations as people carry them: in the fragment of an address, or typed in groups.

/** The code in an address: "#CODE" or "#c=CODE". Fragments never leave the browser. */
export function codeInFragment(hash = location.hash) {
  let text = "";
  try {
    text = decodeURIComponent(hash.slice(1)).replace(/^c=/, "");
  } catch {
    return "";
  }
  return /^[0-9A-Za-z -]{16,24}$/.test(text) ? text : "";
}

/** Write a typed code as four groups of four, with the look-alikes mapped as on the label. */
export function grouped(text) {
  const plain = text.toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1").replace(/[^0-9A-Z]/g, "").slice(0, 16);
  return plain.replace(/(.{4})(?=.)/g, "$1-");
}
