// <predict-check>: a field for the reader's answer to a question, above the folded answer that stands
// there without scripts (cnn_tutorial/questions.py). A wrong answer is told by the mistake behind it;
// after a second one, the way to the right one unfolds. What was answered is kept in this browser
// alone, and shown in the row of cells over the page.

const PREFIX = "cnn_tutorial ";
/** @type {Record<string, string>} where a browser keeps nothing, answers last as long as the page */
const kept = (() => {
  try {
    return window.localStorage;
  } catch {
    return {};
  }
})();

/** @type {Promise<Record<string, Record<string, string>>>} by question and answer, its mistake */
const mistakes = fetch("questions.json")
  .then((answer) => answer.json())
  .catch(() => ({}));

/** @type {NodeListOf<HTMLAnchorElement>} */
const cells = document.querySelectorAll(".path a");
const here = [...cells].find((cell) => cell.ariaCurrent)?.pathname ?? location.pathname;

function keep(/** @type {string} */ name, /** @type {string | number} */ value) {
  try {
    kept[PREFIX + name] = String(value);
  } catch {} // it is full
}

const answered = (path = "") =>
  Object.keys(kept).filter((name) => name.startsWith(`${PREFIX}answer ${path}`)).length;

// The row of cells: how much of each page is answered, and a button that forgets all of it.
const count = document.createElement("span");
const clear = document.createElement("button");
clear.textContent = "Clear";
clear.ariaLabel = "Clear answers";
clear.addEventListener("click", () => {
  for (const name of Object.keys(kept)) if (name.startsWith(PREFIX)) delete kept[name];
  /** @type {NodeListOf<PredictCheck>} */
  const elements = document.querySelectorAll("predict-check");
  for (const element of elements) element.reset();
  showProgress();
  /** @type {HTMLElement} */ (document.querySelector(".path a")).focus();
});

function showProgress() {
  for (const cell of cells) {
    const done = answered(`${cell.pathname} `);
    const total = Math.max(done, Number(kept[PREFIX + cell.pathname]) || 0);
    cell.style.setProperty("--done", String(done && done / total));
    cell.dataset.title ??= cell.title;
    cell.title = `${cell.dataset.title}${done ? `: ${done} of ${total} answered` : ""}`;
    if (cell.ariaCurrent) count.textContent = done ? `✓ ${done} of ${total}` : "";
  }
  if (answered()) document.querySelector(".path")?.append(count, clear);
  else for (const part of [count, clear]) part.remove();
}

/** @type {(text: string, isShape: boolean) => number[]} of (1, 28, 28), 1x28x28 or 1,234 */
function numbersIn(text, isShape) {
  const bare = isShape ? text : text.replace(/(?<=\d)[,_\s](?=\d{3}(?!\d))/g, "");
  return (bare.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
}

class PredictCheck extends HTMLElement {
  /** @type {HTMLFormElement} */
  form;
  tries = 0;

  connectedCallback() {
    if (this.form) return; // it was moved
    const [label, choices] = /** @type {NodeListOf<HTMLElement>} */ (
      this.querySelectorAll(":scope > p")
    );
    this.label = label.textContent;
    this.name = `answer ${here} ${this.label}`;
    this.details = this.querySelector("details");
    this.summary = this.querySelector("summary");
    this.answer = this.querySelector("b").textContent;
    this.way = this.details.querySelector("p").textContent;
    this.isShape = this.answer.startsWith("(");
    this.isChoice = Boolean(choices);
    this.form = document.createElement("form");
    const check = document.createElement("button");
    check.textContent = "Check";
    this.form.append(choices ? offer(choices) : makeField("text"), check);
    const named = choices ?? this.form.elements[0];
    named.ariaLabel = this.label;
    this.status = document.createElement("p");
    this.status.role = "status";
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.judge(String(new FormData(this.form).get("answer") ?? "").trim());
    });
    label.after(this.form, this.status);
    this.show();
  }

  async judge(/** @type {string} */ given) {
    if (!given || !(this.isChoice || numbersIn(given, this.isShape).length)) {
      const what = this.isShape ? "a shape, such as (3, 2)" : "a number";
      this.status.textContent = this.isChoice ? "Pick one." : `Write ${what}.`;
      return;
    }
    const isRight = this.equals(given, this.answer);
    const isLast = ++this.tries > 1;
    if (isRight) this.status.textContent = `Right: ${this.way}`;
    else {
      const known = Object.entries((await mistakes)[this.label] ?? {});
      const why = known.find(([value]) => this.equals(given, value))?.[1] ?? this.hint(given);
      this.status.textContent = `${why} ${isLast ? `The answer is ${this.answer}.` : "Try once more."}`;
      this.details.open ||= isLast;
    }
    if (isRight || isLast) {
      keep(here, document.querySelectorAll("predict-check").length);
      keep(this.name, given);
      this.show();
      showProgress();
    }
  }

  equals(/** @type {string} */ one, /** @type {string} */ other) {
    if (this.isChoice) return one === other;
    return String(numbersIn(one, this.isShape)) === String(numbersIn(other, this.isShape));
  }

  /** Say something of an answer that comes from no mistake that is known. */
  hint(/** @type {string} */ given) {
    if (this.isChoice) return "No.";
    const [mine, right] = [given, this.answer].map((text) => numbersIn(text, this.isShape));
    if (!this.isShape) return right[0] > mine[0] ? "It is more." : "It is less.";
    if (mine.length !== right.length) return `The shape has ${right.length} sizes.`;
    const n = mine.findIndex((size, n) => size !== right[n]);
    return `Size number ${n + 1} is not ${mine[n]}.`;
  }

  /** Show what was answered, now or on another day. */
  show() {
    const given = kept[PREFIX + this.name];
    const isRight = given !== undefined && this.equals(given, this.answer);
    this.classList.toggle("right", isRight);
    this.classList.toggle("wrong", given !== undefined && !isRight);
    this.summary.textContent =
      given === undefined
        ? "Answer"
        : `Answer: you ${isRight ? "were right" : `said ${given.slice(0, 40)}`}`;
  }

  reset() {
    this.tries = 0;
    this.form.reset();
    this.status.textContent = "";
    this.details.open = false;
    this.show();
  }
}

function makeField(/** @type {string} */ type, value = "") {
  return Object.assign(document.createElement("input"), {
    ...{ name: "answer", type, defaultValue: value, autocomplete: "off", maxLength: 40 },
  });
}

/** Make a button of each choice. */
function offer(/** @type {HTMLElement} */ choices) {
  for (const choice of [...choices.children]) {
    const label = document.createElement("label");
    label.append(makeField("radio", choice.textContent), choice.textContent);
    choice.replaceWith(label);
  }
  choices.role = "radiogroup";
  return choices;
}

customElements.define("predict-check", PredictCheck);
showProgress();
