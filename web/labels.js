// The digits that the person said what they are, newest first, in the browser's storage if it is allowed: how many of
// them were read right, which were taken for which, and all of them as a file of NumPy.

import { npz } from "./npz.js";
import { decoded, drawn } from "./photo.js";
import { load, store } from "./storage.js";
import { texts } from "./texts.js";

const LIMIT = 200;
const THUMBNAIL_PX = 88;
const LONGEST_PX = 400; // larger pictures are stored smaller
const element = (id) => document.getElementById(id);

export class LabelledDigits {
  constructor({ onopen, say }) {
    Object.assign(this, { onopen, say, digits: stored(), areStored: true, deleted: null });
    element("undelete").addEventListener("click", () => this.undelete());
    element("export").addEventListener("click", () => this.export());
    addEventListener("storage", (event) => { // another tab has changed them
      if (event.key !== "drawings") return;
      this.digits = stored();
      this.render();
    });
    this.render();
  }

  get isFull() {
    return this.digits.length >= LIMIT;
  }

  // Adds a drawing with its label and the answer, if there is one. Returns the entry.
  add({ strokes, picture, sheet, pixels }, label, { digit = null, confidence = null } = {}) {
    const entry = {
      strokes: picture ? [] : strokes,
      picture: picture && url(smaller(picture)),
      thumbnail: thumbnail(sheet),
      pixels: btoa(String.fromCharCode(...pixels.flat())),
      digit,
      confidence,
      label,
    };
    this.digits.unshift(entry);
    this.changed();
    return entry;
  }

  relabel(entry, label) {
    entry.label = label;
    this.changed();
  }

  delete(index) {
    this.deleted = { index, entry: this.digits[index] };
    this.digits.splice(index, 1);
    this.changed();
    this.say(texts.deleted);
    element("undelete").focus();
  }

  undelete() {
    const { index, entry } = this.deleted;
    this.deleted = null;
    this.digits.splice(index, 0, entry);
    this.changed();
    this.say(texts.restored);
    element("saved").querySelectorAll(".delete")[index].focus();
  }

  changed() {
    // If storage is full, the newest that fit are stored, and the others stay until the page is closed.
    let fitting = this.digits.length;
    while (!store("localStorage", "drawings", JSON.stringify(this.digits.slice(0, fitting))) && fitting > 0) fitting--;
    this.areStored = fitting === this.digits.length;
    this.render();
  }

  render() {
    element("yours").hidden = this.digits.length === 0 && !this.deleted;
    element("deleted").hidden = !this.deleted;
    element("export").hidden = this.digits.length === 0;
    element("saved").replaceChildren(...this.digits.map((entry, i) => this.item(entry, i)));
    element("saved-hint").textContent = this.areStored ? texts.savedHere(LIMIT) : texts.savedNowhere;
    const right = this.digits.filter(({ digit, label }) => digit === label).length;
    element("score").textContent = this.digits.length ? texts.score(right, this.digits.length, `${((100 * right) / this.digits.length).toFixed(1)}%`) : "";
    this.renderConfusion();
  }

  // A table of the labels and the answers, without the rows and columns that would be empty.
  renderConfusion() {
    const labels = [...new Set(this.digits.map(({ label }) => label))].sort();
    const answers = [...new Set(this.digits.map(({ digit }) => digit))].sort((a, b) => (a ?? 10) - (b ?? 10));
    const table = element("confusion");
    table.hidden = this.digits.length === 0;
    const row = (...cells) => {
      const tr = document.createElement("tr");
      tr.append(...cells);
      return tr;
    };
    const head = row(cell("td", ""), ...answers.map((digit) => cell("th", digit ?? "?", "col")));
    const count = (label, digit) => this.digits.filter((each) => each.label === label && each.digit === digit).length;
    const rows = labels.map((label) =>
      row(cell("th", label, "row"), ...answers.map((digit) => cell("td", count(label, digit) || "", "", digit === label))),
    );
    table.querySelector("tbody").replaceChildren(head, ...rows);
  }

  item(entry, index) {
    const item = document.createElement("li");
    item.innerHTML = `<button type="button" class="open"><img alt=""></button>
      <span class="digit"></span><button type="button" class="delete"><span aria-hidden="true">×</span></button>`;
    const [open, remove] = item.querySelectorAll("button");
    const isRight = entry.digit === entry.label;
    const what = isRight ? String(entry.label) : texts.readAs(entry.label, entry.digit);
    item.classList.toggle("wrong", !isRight);
    item.querySelector("img").src = entry.thumbnail;
    item.querySelector(".digit").textContent = isRight ? entry.label : `${entry.label} → ${entry.digit ?? "?"}`;
    open.ariaLabel = texts.openSaved(index + 1, what);
    remove.ariaLabel = texts.deleteSaved(index + 1, what);
    open.addEventListener("click", async () => this.onopen({ ...entry, picture: await decoded(entry.picture) }));
    remove.addEventListener("click", () => this.delete(index));
    return item;
  }

  // Downloads the 28 by 28 pixels, the labels and the answers (-1: none), in the form of a model's golden set.
  export() {
    const n = this.digits.length;
    const pixels = this.digits.map((entry) => Uint8Array.from(atob(entry.pixels), (c) => c.charCodeAt(0)));
    const file = npz({
      inputs: { type: "|u1", shape: [n, 28, 28], data: Uint8Array.from(pixels.flatMap((each) => [...each])) },
      labels: { type: "|i1", shape: [n], data: Uint8Array.from(this.digits, ({ label }) => label) },
      answers: { type: "|i1", shape: [n], data: new Uint8Array(Int8Array.from(this.digits, ({ digit }) => digit ?? -1).buffer) },
    });
    download(file, "my-digits.npz");
  }
}

export function download(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function cell(tag, text, scope = "", isRight = false) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (scope) node.scope = scope;
  node.classList.toggle("right", isRight);
  return node;
}

// Returns the valid entries of the storage: another version of the page may have written it.
function stored() {
  try {
    const isDigit = ({ strokes, thumbnail, pixels, label }) =>
      Array.isArray(strokes) && thumbnail.startsWith("data:image/") && atob(pixels).length === 784 && label in [..."0123456789"];
    return JSON.parse(load("localStorage", "drawings") ?? "[]").filter(isDigit).slice(0, LIMIT);
  } catch {
    return [];
  }
}

const url = (canvas) => canvas.toDataURL(...(canvas.width * canvas.height > 10_000 ? ["image/jpeg", 0.85] : ["image/png"]));

function smaller(picture) {
  const scale = LONGEST_PX / Math.max(picture.width, picture.height);
  return scale < 1 ? drawn(picture, picture.width * scale, picture.height * scale) : picture;
}

function thumbnail(sheet) {
  const scale = THUMBNAIL_PX / Math.max(sheet.width, sheet.height);
  return drawn(sheet, sheet.width * scale, sheet.height * scale).toDataURL("image/jpeg", 0.8);
}
