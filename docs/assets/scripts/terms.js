// A term of the glossary shows its sentence when it is pointed at, reached by keys or touched. A
// click, Enter or a second touch goes to the glossary. Without this it is a link like any other.
const GAP = 4; // pixels
const tip = document.createElement("div");
tip.id = "tip";
tip.role = "tooltip";
tip.popover = "manual"; // above everything, and cut off by nothing
document.querySelector("article").append(tip);

/** @type {Promise<Document>} */
let glossary; // the page, once somebody asks
/** @type {HTMLAnchorElement} */
let shown = null; // the term whose sentence is seen, or on its way
/** @type {number} */
let timer;

function read(/** @type {string} */ address) {
  glossary ??= fetch(address)
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
    .then((text) => new DOMParser().parseFromString(text, "text/html"));
  glossary.catch(() => {
    glossary = undefined; // to be asked again
  });
  return glossary;
}

function hide() {
  clearTimeout(timer);
  shown?.removeAttribute("aria-describedby");
  shown = null;
  tip.hidePopover();
}

// Say whether there is a sentence to be shown.
async function show(/** @type {HTMLAnchorElement} */ term) {
  hide();
  shown = term;
  let entry;
  try {
    entry = (await read(term.pathname)).getElementById(term.hash.slice(1));
    while (entry.localName !== "dd") entry = entry.nextElementSibling;
  } catch {
    return false;
  }
  if (shown !== term) return true; // the reader has gone on
  const sentence = /** @type {Element} */ (entry.cloneNode(true));
  sentence.querySelector("a")?.remove();
  tip.replaceChildren(...sentence.childNodes);
  tip.showPopover();
  const lines = [...term.getClientRects()];
  const above = lines[0].top - tip.offsetHeight - GAP;
  const top = above > 0 ? above : lines.at(-1).bottom + GAP;
  const most = document.documentElement.clientWidth - tip.offsetWidth - 2 * GAP;
  tip.style.top = `${top + scrollY}px`;
  tip.style.left = `${Math.min(lines[0].left, most) + scrollX}px`;
  term.setAttribute("aria-describedby", tip.id);
  return true;
}

/** @type {(event: Event) => HTMLAnchorElement} */
const termOf = (event) => /** @type {Element} */ (event.target).closest?.("a.term");
const isInTip = (/** @type {Event} */ event) => tip.contains(/** @type {Node} */ (event.target));

// Whoever uses keys has the sentences before the first term is reached.
const first = /** @type {HTMLAnchorElement} */ (document.querySelector("a.term")).pathname;
document.addEventListener("focusin", () => read(first), { once: true });
document.addEventListener("focusin", (event) => {
  if (termOf(event)?.matches(":focus-visible")) show(termOf(event));
});
document.addEventListener("focusout", hide);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});

// A mouse may pass over a term, and may go from a term to its sentence.
document.addEventListener("pointerover", (event) => {
  const term = event.pointerType === "mouse" && termOf(event);
  if (!term && !isInTip(event)) return;
  clearTimeout(timer);
  if (term && term !== shown) timer = setTimeout(show, 150, term);
});
document.addEventListener("pointerout", (event) => {
  if (event.pointerType !== "mouse" || !(termOf(event) || isInTip(event))) return;
  clearTimeout(timer);
  if (!shown?.matches(":focus-visible")) timer = setTimeout(hide, 250);
});

/** @type {HTMLAnchorElement} */
let touched = null; // a term whose sentence is not seen yet
document.addEventListener("pointerdown", (event) => {
  const term = termOf(event);
  touched = event.pointerType !== "mouse" && term !== shown ? term : null;
  if (term !== shown && !isInTip(event)) hide();
});
document.addEventListener("click", async (event) => {
  const term = termOf(event);
  if (!term || term !== touched) return;
  event.preventDefault();
  if (!(await show(term))) location.assign(term.href);
});
