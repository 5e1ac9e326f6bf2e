// What the tests ask of a page. This is put into it before any script of its own runs.

window.visit = { forbidden: [], shift: 0 };

// From the first moment on: what the policy of the page forbids, and how far anything moves.
addEventListener("securitypolicyviolation", (event) =>
  visit.forbidden.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
);
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) visit.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });

// Elements of a page, those in the shadow of others included.
visit.all = (selector, root = document) => [
  ...root.querySelectorAll(selector),
  ...[...root.querySelectorAll("*")]
    .filter((element) => element.shadowRoot)
    .flatMap((element) => visit.all(selector, element.shadowRoot)),
];
// What an element lies in as it is drawn, itself first: out of a slot, and out of a shadow.
function* around(element) {
  for (let part = element; part; part = part.assignedSlot ?? part.parentNode ?? part.host) {
    yield part;
  }
}
const holds = (outer, inner) => [...around(inner)].includes(outer);
const within = (element, selector) =>
  [...around(element)].find((part) => part.matches?.(selector));
const isShown = (element) =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

// As a reader does: screen by screen, each of them drawn.
visit.scroll = async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const page = document.scrollingElement;
  await document.fonts.ready;
  for (let top = 0; top < page.scrollHeight; top += innerHeight) {
    scrollTo(0, top);
    await frame();
  }
  scrollTo(0, page.scrollHeight);
  await frame();
  await frame();
};

// Images without a size, or fetched before they are near the window.
visit.loose = () => {
  scrollTo(0, 0);
  return [...document.images]
    .filter(
      (image) =>
        !(image.getAttribute("width") > 0 && image.getAttribute("height") > 0) ||
        (image.checkVisibility() &&
          image.loading !== "lazy" &&
          image.getBoundingClientRect().top + scrollY > innerHeight),
    )
    .map((image) => image.outerHTML);
};

// Images that should be seen and have not arrived.
visit.missing = async () => {
  const seen = [...document.images].filter((image) => image.checkVisibility());
  seen.forEach((image) => (image.loading = "eager"));
  await Promise.allSettled(seen.map((image) => image.decode()));
  return seen.filter((image) => !image.complete || !image.naturalWidth).map((image) => image.src);
};

// Answer each question wrongly, twice, so that it shows all that it has; those that do not.
visit.answer = async () => {
  const asked = visit.all("predict-check");
  for (const { form, answer } of asked) {
    const other = [...form.elements].find(({ value }) => value && value !== answer);
    form.elements.answer.value = other?.value ?? "123";
    form.requestSubmit();
    form.requestSubmit();
  }
  const isTold = (question) =>
    question.details.open && question.status.textContent.endsWith(` is ${question.answer}.`);
  for (let tries = 0; tries < 50 && !asked.every(isTold); tries++) {
    await new Promise((done) => setTimeout(done, 20));
  }
  return asked.filter((question) => !isTold(question)).map(({ status }) => status.textContent);
};

visit.unfold = () => visit.all("details").forEach((details) => (details.open = true));
const isFolded = (element) =>
  (element.localName === "summary" && !element.parentElement.open) ||
  element.matches(".open[aria-expanded=false]"); // a button that opens an element

// Nothing moves by itself any more, so that the page can be looked at after each key.
visit.still = () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    "*, ::before, ::after { transition: none !important; animation: none !important }",
  );
  const shadows = visit.all("*").flatMap((element) => element.shadowRoot ?? []);
  for (const root of [document, ...shadows]) {
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }
};

// Whether the sentence of a term of the glossary is shown for it, within the window.
visit.isExplained = (term) => {
  const sentence = document.getElementById(term.getAttribute("aria-describedby"));
  const box = sentence?.checkVisibility() && sentence.getBoundingClientRect();
  return (
    !!box &&
    sentence.textContent.trim().endsWith(".") &&
    box.left >= 0 &&
    box.top >= 0 &&
    box.right <= document.documentElement.clientWidth &&
    box.bottom <= innerHeight
  );
};

// The rules of axe that are broken, each with its places.
visit.axe = async () => {
  await document.fonts.ready;
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => {
    const places = nodes.map(
      (node) => `${node.target.join(" ")}: ${node.any[0]?.message ?? node.html.slice(0, 90)}`,
    );
    return `${id} (${help}), ${nodes.length} times: ${places.slice(0, 3).join("; ")}`;
  });
};

// What each copy button copies, of the blocks of Python that are seen.
visit.copied = async () => {
  const texts = [];
  for (const block of visit.all(".language-python.highlight").filter(isShown)) {
    await navigator.clipboard.writeText("");
    block.querySelector("button[data-md-type=copy]").click();
    let text = "";
    for (let tries = 0; tries < 100 && !text; tries++) {
      await new Promise((done) => setTimeout(done, tries));
      text = await navigator.clipboard.readText();
    }
    texts.push(text);
  }
  return texts;
};

// Code with a copy button over one of its lines.
visit.covered = () =>
  visit.all(".md-code__nav").filter(isShown).flatMap((button) => {
    const code = button.closest("pre").querySelector("code");
    const lines = document.createRange();
    lines.selectNodeContents(code);
    const box = button.getBoundingClientRect();
    const end = code.getBoundingClientRect().right;
    const isCovered = [...lines.getClientRects()].some(
      (line) =>
        line.top < box.bottom - 6 && // where its icon ends
        line.bottom > box.top + 1 &&
        line.left < box.right &&
        Math.min(line.right, end) > box.left,
    );
    return isCovered ? [code.textContent.trim().slice(0, 60)] : [];
  });

// The walk by Tab: what is reached, on the screen, and marked.
const THINGS =
  "a[href], button, input, select, textarea, summary, [tabindex='0'], label[for]";
const before = new Map();
const reached = new Set();

const marks = (element) => {
  const style = getComputedStyle(element);
  const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return [
    outline && style.outlineColor,
    style.boxShadow,
    style.backgroundColor,
    style.textDecorationLine,
    style.borderBottomColor,
  ].join();
};

// A theme is shown by the label after its field, which chooses the next one.
const next = (element) => (element.name === "__palette" ? [element.nextElementSibling] : []);
const signs = (element) =>
  [
    element,
    ...next(element),
    ...(element.labels ?? []),
    element.parentElement ?? element.getRootNode().host,
    element.form,
  ].filter(Boolean);

const say = (element, what) => {
  const names = [...element.classList].filter(
    (name) => name !== "focus-visible" && !name.endsWith("--passed"),
  );
  const name = [element.localName + (element.id && `#${element.id}`), ...names].join(".");
  return `${name} ${what}: "${element.textContent.trim().replace(/\s+/g, " ").slice(0, 30)}"`;
};

const inView = (box) =>
  box.width > 1 &&
  box.height > 1 &&
  box.left < innerWidth &&
  box.right > 0 &&
  box.top < innerHeight &&
  box.bottom > 0;

const at = (x, y) => {
  let hit = document.elementFromPoint(x, y);
  for (let root = hit?.shadowRoot; root; root = hit.shadowRoot) {
    const inner = root.elementFromPoint(x, y);
    if (!inner || inner === hit) break;
    hit = inner;
  }
  return hit;
};

// Whether some point of what shows an element is on the screen and not behind another thing.
const isSeen = (element) =>
  [element, ...(element.labels ?? []), ...next(element)].some(
    (part) =>
      isShown(part) &&
      [...part.getClientRects()].filter(inView).some((box) => {
        const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
        const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
        return [0.5, 0.1, 0.9].some((share) => {
          const x = left + (right - left) * share;
          const y = top + (bottom - top) * share;
          const hit = at(x, y);
          return (
            hit &&
            (holds(part, hit) ||
              (holds(hit, part) &&
                (hit.localName === "a" || getComputedStyle(part).pointerEvents === "none")))
          );
        });
      }),
  );

visit.start = () => {
  scrollTo(0, 0);
  for (const element of visit.all(THINGS)) {
    signs(element).forEach((part) => before.set(part, marks(part)));
  }
};

// Look at what has the focus: null at the end, else what is wrong and whether it is folded.
visit.look = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (!element || element === document.body || !document.hasFocus()) return null;
  reached.add(element);
  const wrong = [];
  if (!isSeen(element)) wrong.push(say(element, "has the focus and is not seen"));
  const isMarked = signs(element).some((part) =>
    before.has(part) ? marks(part) !== before.get(part) : marks(part)[0] !== "f",
  );
  if (!isMarked) wrong.push(say(element, "does not show that it has the focus"));
  if (element.matches("a.term") && !visit.isExplained(element)) {
    wrong.push(say(element, "does not say what it is"));
  }
  return [wrong, isFolded(element)];
};

visit.missed = () => {
  scrollTo(0, 0);
  const stops = [...reached];
  const isDone = (element) =>
    element &&
    (reached.has(element) ||
      stops.some(
        (stop) =>
          holds(element, stop) ||
          (stop.type === "radio" &&
            element.type === "radio" &&
            stop.name === element.name &&
            stop.getRootNode() === element.getRootNode()),
      ) ||
      (element.localName === "label"
        ? element.control &&
          (isDone(element.control) ||
            (element.control.id === "__search" &&
              isDone(document.querySelector(".md-search__input"))))
        : isDone(within(element, "label"))));
  const scrolled = visit
    .all("pre, pre > code, div, table, math")
    .filter(
      (part) =>
        part.scrollWidth > part.clientWidth + 1 &&
        ["auto", "scroll"].includes(getComputedStyle(part).overflowX),
    );
  return [...new Set([...visit.all(THINGS), ...scrolled])]
    .filter((element) => {
      const box = element.getBoundingClientRect();
      return (
        isShown(element) &&
        box.width > 1 &&
        box.height > 1 &&
        box.right > 0 &&
        box.left < innerWidth &&
        !element.disabled &&
        !within(element, "[inert]") &&
        !isDone(element) &&
        !(element.localName === "label" && getComputedStyle(element).cursor !== "pointer")
      );
    })
    .map((element) => say(element, "is not reached"));
};
