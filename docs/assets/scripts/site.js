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

// The copy button of a block of code stands in a <nav>, but is no landmark.
const { document$ } = /** @type {any} */ (window);
document$.subscribe(() => {
  for (const nav of document.querySelectorAll(".md-code__nav")) nav.role = "none";
});

// What is wider than its place is scrolled by keys too, once it has the focus.
function reach() {
  /** @type {NodeListOf<HTMLElement>} */
  const places = document.querySelectorAll(".md-typeset__scrollwrap, .output:not(.highlight)");
  for (const place of places) place.tabIndex = place.scrollWidth > place.clientWidth ? 0 : -1;
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

// What a reader plays with comes after the text, where it can be fetched.
const elements = ["conv-stepper", "digit-pad", "predict-check", "shape-calculator", "train-live"];
for (const name of elements) {
  const found = document.querySelector(name);
  if (found && location.protocol !== "file:") import(`./${name}.js`);
  else found?.setAttribute("small", ""); // as its picture is, which stays
}
