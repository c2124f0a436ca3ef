// The saved drawings with their predictions, newest first, in the browser's storage if it is allowed.

import { summary } from "./answer.js";
import { load, store } from "./storage.js";
import { texts } from "./texts.js";

const LIMIT = 12;
const THUMBNAIL_PX = 176;
const element = (id) => document.getElementById(id);

export class SavedDrawings {
  constructor({ onopen, ondelete }) {
    Object.assign(this, { onopen, ondelete, drawings: stored(), areStored: true });
    this.render();
    addEventListener("storage", (event) => { // another tab kept or deleted one
      if (event.key !== "drawings") return;
      this.drawings = stored();
      this.render();
    });
  }

  // Saves the drawing and its prediction.
  add(drawing, { digit = null, confidence = null }) {
    const picture = drawing.shownPicture;
    this.drawings.unshift({
      strokes: picture ? [] : drawing.strokes,
      picture: picture && picture.toDataURL(...drawing.format),
      thumbnail: thumbnail(drawing.copy()),
      digit,
      confidence,
    });
    this.drawings.length = Math.min(this.drawings.length, LIMIT);
    this.changed();
  }

  delete(index) {
    this.drawings.splice(index, 1);
    this.changed();
    const buttons = element("saved").querySelectorAll(".delete");
    (buttons[Math.min(index, buttons.length - 1)] ?? element("keep")).focus();
    this.ondelete();
  }

  changed() {
    // If storage is full, the newest that fit are stored, and the others stay until the page is closed.
    let fitting = this.drawings.length;
    while (!store("localStorage", "drawings", JSON.stringify(this.drawings.slice(0, fitting))) && fitting > 0) fitting--;
    this.areStored = fitting === this.drawings.length;
    this.render();
  }

  render() {
    element("saved").replaceChildren(...this.drawings.map((each, i) => this.item(each, i)));
    const hint = this.drawings.length ? texts.savedHere(LIMIT) : texts.savedNone(LIMIT);
    element("saved-hint").textContent = this.areStored ? hint : texts.savedNowhere;
  }

  item(each, index) {
    const item = document.createElement("li");
    item.innerHTML = `<button type="button" class="open"><img alt=""></button>
      <span class="digit"></span><button type="button" class="delete"><span aria-hidden="true">×</span></button>`;
    const [open, remove] = item.querySelectorAll("button");
    item.querySelector("img").src = each.thumbnail;
    item.querySelector(".digit").textContent = each.digit ?? "?";
    open.ariaLabel = texts.openSaved(index + 1, summary(each));
    remove.ariaLabel = texts.deleteSaved(index + 1, summary(each));
    open.addEventListener("click", async () => this.onopen({ ...each, picture: await decoded(each.picture) }));
    remove.addEventListener("click", () => this.delete(index));
    return item;
  }
}

// Returns the valid entries of the storage: another version of the page may have written it.
function stored() {
  try {
    const isDrawing = ({ strokes, thumbnail }) => Array.isArray(strokes) && thumbnail.startsWith("data:image/");
    return JSON.parse(load("localStorage", "drawings") ?? "[]").filter(isDrawing).slice(0, LIMIT);
  } catch {
    return [];
  }
}

function thumbnail(paper) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMBNAIL_PX;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, THUMBNAIL_PX, THUMBNAIL_PX);
  const scale = THUMBNAIL_PX / Math.max(paper.width, paper.height);
  const [width, height] = [paper.width * scale, paper.height * scale];
  context.imageSmoothingQuality = "high";
  context.drawImage(paper, (THUMBNAIL_PX - width) / 2, (THUMBNAIL_PX - height) / 2, width, height);
  return canvas.toDataURL("image/jpeg", 0.8);
}

async function decoded(url) {
  if (!url) return null;
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas;
}
