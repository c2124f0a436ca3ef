// The page: sends the drawing to the server while it changes, and shows the predictions.

import { say, sayAnswer, show, summary } from "./answer.js";
import { Drawing } from "./drawing.js";
import { readPicture } from "./photo.js";
import { SavedDrawings } from "./saved.js";
import { explain, useKey } from "./server.js";
import { preferred, speak, texts } from "./texts.js";

const PAUSE_MS = 120; // between a change and the request, and so between two requests
const element = (id) => document.getElementById(id);

let answer = {}; // the one that is shown
let timer = 0;
let isAsking = false;
let isAnswered = false; // `answer` is for the current drawing
let isToBeKept = false;
let isKeyAskedFor = false;

const drawing = new Drawing(element("paper"), {
  onchange: changed,
  onpen: (isDown) => say(isDown ? texts.penDown : texts.penUp),
});
const saved = new SavedDrawings({
  onopen(kept) {
    drawing.show(kept);
    element("paper").scrollIntoView({ block: "nearest" });
  },
  ondelete: () => say(texts.deleted),
});

function changed() {
  isAnswered = false;
  isToBeKept = false;
  element("invitation").hidden = !drawing.isEmpty;
  element("sheet").classList.toggle("coarse", drawing.shownPicture?.width < 100);
  for (const id of ["undo", "clear", "keep"]) element(id).ariaDisabled = String(drawing.isEmpty);
  if (drawing.isEmpty) tell({});
  else if (!timer && !isAsking) timer = setTimeout(ask, PAUSE_MS);
}

// Sends one request at a time, for the newest drawing, so responses arrive in order.
async function ask() {
  timer = 0;
  if (drawing.isEmpty) return;
  isAsking = true;
  isAnswered = true; // unless the drawing changes meanwhile
  const newest = await explain(await drawing.file(), (seconds) => tell({ waiting: seconds }));
  isAsking = false;
  const isHalfDrawn = drawing.isUnderWay && newest.problem === "refused"; // half a digit may be none: show no error
  if (!drawing.isEmpty && !isHalfDrawn) tell(newest);
  if (!isAnswered) timer = setTimeout(ask, PAUSE_MS);
  else if (isToBeKept) keep();
}

function tell(newest) {
  answer = newest;
  show(answer);
  if (drawing.isUnderWay) return;
  sayAnswer(answer);
  const isLocked = !element("locked").hidden;
  if (isLocked && !isKeyAskedFor) element("key").focus();
  isKeyAskedFor = isLocked;
}

function askAgain() {
  element("paper").focus({ preventScroll: true }); // the focused element is about to be hidden
  changed();
}

function keep() {
  isToBeKept = !isAnswered || isAsking;
  if (drawing.isEmpty || isToBeKept) return;
  saved.add(drawing, answer);
  say(texts.kept(summary(answer)));
}

async function open(file) {
  if (!file) return;
  try {
    drawing.show({ picture: await readPicture(file) });
  } catch {
    drawing.clear();
    tell({ problem: "unreadable" });
  }
}

function change(language) {
  speak(language);
  show(answer);
  saved.render();
}

element("clear").addEventListener("click", () => drawing.clear());
element("undo").addEventListener("click", () => drawing.undo());
element("keep").addEventListener("click", keep);
element("again").addEventListener("click", askAgain);
element("language").addEventListener("click", () => change(texts.other));
element("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(element("key").value);
  isKeyAskedFor = false;
  element("key").value = "";
  askAgain();
});
for (const id of ["file", "camera"]) {
  element(id).addEventListener("change", (event) => {
    open(event.target.files[0]);
    event.target.value = "";
  });
}
addEventListener("paste", (event) => open(event.clipboardData.files[0]));
addEventListener("dragover", (event) => {
  event.preventDefault();
  element("sheet").classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) element("sheet").classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  element("sheet").classList.remove("dropping");
  open(event.dataTransfer.files[0]);
});

change(preferred());
changed();
