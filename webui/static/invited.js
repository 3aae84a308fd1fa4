// The page with an open invitation: as soon as the new member is in, it goes on by itself.

const EVERY_MS = 3000;

async function look() {
  if (document.visibilityState === "visible") {
    const answer = await fetch("/members/invited").catch(() => null);
    const said = answer?.ok ? await answer.json() : { joined: false, over: false };
    if (said.joined || said.over) {
      location.replace("/members/invite");
      return;
    }
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
