// What Material leaves to the mouse and to the eye. The navigation of narrow screens opens by a
// checkbox that is not displayed, and its label is no button: here is one, and Escape closes.
/** @type {HTMLInputElement} */
const drawer = document.querySelector("#__drawer");
/** @type {HTMLButtonElement} */
const button = document.querySelector("button.drawer");
button.addEventListener("click", () => drawer.click());
drawer.addEventListener("change", () => (button.ariaExpanded = String(drawer.checked)));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && drawer.checked) {
    drawer.click();
    button.focus();
  }
});

// A button on each block of code, with the names by which Material styles it and copies. Its own are
// put in one by one, with the page laid out anew after each.
const { document$ } = /** @type {any} */ (window);
document$.subscribe(() => {
  for (const code of document.querySelectorAll("article pre > code")) {
    if (code.closest(".no-copy")) continue;
    const place = document.createElement("div");
    place.className = "md-code__nav";
    const button = document.createElement("button");
    button.className = "md-code__button";
    button.type = "button";
    button.title = "Copy to clipboard";
    button.dataset.mdType = "copy";
    button.dataset.clipboardText = code.textContent.trimEnd();
    place.append(button);
    code.before(place);
  }
});

// What is wider than its place is scrolled by keys too, once it has the focus.
function reach() {
  /** @type {NodeListOf<HTMLElement>} */
  const places = document.querySelectorAll(".md-typeset__scrollwrap, .output:not(.highlight)");
  const isWide = [...places].map((place) => place.scrollWidth > place.clientWidth);
  for (const [n, place] of places.entries()) place.tabIndex = isWide[n] ? 0 : -1;
}
document$.subscribe(reach);
addEventListener("resize", reach);

// Terms of the glossary say what they are, where the browser can show it and may read that page.
if (
  document.querySelector("a.term") &&
  "popover" in document.body &&
  location.protocol !== "file:"
) {
  import("./terms.js");
}

// What a reader plays with comes after the text, where it can be fetched. Questions come at once, for
// the row of cells over the page shows what was answered; the rest when it is less than a window
// away, so that the page is quick, or when the address may say what it shows.
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) load(target);
  },
  { rootMargin: "100%" },
);
function load(/** @type {Element} */ part) {
  near.unobserve(part);
  import(`./${part.localName}.js`);
}
const PLAYED = "conv-stepper, digit-pad, predict-check, shape-calculator, train-live";
for (const part of document.querySelectorAll(PLAYED)) {
  if (location.protocol === "file:") {
    part.setAttribute("small", ""); // as its picture is, which stays
  } else if (location.hash || part.localName === "predict-check") {
    load(part);
  } else {
    near.observe(part);
    addEventListener("hashchange", () => load(part), { once: true });
  }
}
