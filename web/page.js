// The page: puts the drawing, the reader, the answer and the person's own digits together.

import { renderApi, startApi, tellApi } from "./api.js";
import { say, show, showPlain, summary } from "./answer.js";
import { Drawing } from "./drawing.js";
import { examples, sample } from "./examples.js";
import { LabelledDigits } from "./labels.js";
import { decoded, readPicture, resized } from "./photo.js";
import { Reader } from "./reader.js";
import { classify, useKey } from "./server.js";
import { load, store } from "./storage.js";
import { preferred, speak, texts } from "./texts.js";

const PLACE_MS = 600; // the keyboard's pen says where it is when it rests
const element = (id) => document.getElementById(id);

let placeTimer = 0;
let told = ""; // the state that was spoken last, so that a countdown is not
let plainQuestion = null;
let judged = null; // { revision, entry } of the drawing that was judged last
let isListOpen = false;

const drawing = new Drawing(element("sheet"), { onchange, onkey });
const reader = new Reader(drawing, onshow);
const yours = new LabelledDigits({
  say,
  onopen(entry) {
    drawing.show(entry);
    element("sheet").scrollIntoView({ block: "nearest" });
  },
});

function onchange(isInk) {
  hideNotice();
  isListOpen = false;
  element("invitation").hidden = !drawing.isEmpty;
  element("paper").classList.toggle("coarse", drawing.picture?.width < 100);
  holdStill(drawing.isPenDown);
  reader.changed(isInk);
  showControls();
  if (!drawing.live) remember();
}

// While a line is drawn, a longer or shorter answer must not move the paper.
function holdStill(isHeld) {
  const { style, offsetHeight } = element("answer");
  if (!isHeld) style.height = "";
  else if (!style.height) style.height = `${offsetHeight}px`;
}

function onkey(what, ...details) {
  if (what === "digit") return drawing.show({ strokes: sample(details[0]) });
  clearTimeout(placeTimer);
  if (what !== "at") return say(texts[what]);
  placeTimer = setTimeout(() => say(texts.place(details)), PLACE_MS);
  return undefined;
}

// Shows and speaks a state of the reader.
function onshow(state) {
  show(state);
  showJudgement();
  tellApi(state);
  comparePlain(state);
  tell(state);
}

// Speaks what is final: an answer, a problem, or that the server is slow.
function tell({ status, answer, problem, seconds, revision }) {
  const now = [status, problem, status === "reading" ? seconds : revision].join();
  if (now === told) return;
  told = now;
  if (status === "answer") say(summary(answer));
  else if (status === "problem") sayProblem(problem);
  else if (status === "reading" && seconds === 1) say(texts.reading);
  else if (status === "draft" || (status === "reading" && seconds > 1)) return; // what was spoken before is gone already
  else if (status === "empty" && drawing.canUndo) say(texts.cleared);
  else say("");
}

function sayProblem(problem) {
  say(texts[problem]);
  if (problem === "key" || problem === "wrongKey") element("key").focus();
}

// Asks what the network makes of the same sheet when it is only resized.
async function comparePlain({ status }) {
  plainQuestion?.abort();
  showPlain(null, null);
  if (status !== "answer") return;
  const question = (plainQuestion = new AbortController());
  const pixels = resized(drawing.sheet());
  const plain = await classify(pixels.flat(), question.signal);
  if (!question.signal.aborted) showPlain(pixels, plain);
}

function showControls() {
  const can = { undo: drawing.canUndo, redo: drawing.canRedo, clear: !drawing.isEmpty };
  for (const [id, isPossible] of Object.entries(can)) element(id).ariaDisabled = String(!isPossible);
}

// The question whether the answer is right, ten digits to choose from, or what was chosen.
function showJudgement() {
  const { status, answer, problem } = reader.shown;
  const isJudged = judged?.revision === drawing.revision && status !== "empty";
  const isAsked = status === "answer" || problem === "refused";
  element("judge").classList.toggle("idle", !isAsked && !isJudged);
  element("question").textContent = isJudged ? texts.judged(judged.entry.label) : answer ? texts.question : texts.which;
  element("right").hidden = isJudged || !answer;
  element("right").textContent = answer ? texts.right(answer.digit) : "";
  element("wrong").textContent = isJudged ? texts.change : answer ? texts.wrong : texts.itIs;
  element("wrong").ariaExpanded = String(isListOpen);
  element("labels").hidden = !isListOpen;
}

function judge(label) {
  const { answer, sent } = reader.shown;
  isListOpen = false;
  if (judged?.revision === drawing.revision) {
    yours.relabel(judged.entry, label);
  } else if (yours.isFull) {
    return notice(texts.isFull);
  } else {
    const { strokes, picture } = drawing;
    const pixels = answer?.pixels ?? resized((sent ?? { canvas: drawing.sheet() }).canvas);
    judged = { revision: drawing.revision, entry: yours.add({ strokes, picture, sheet: drawing.sheet(), pixels }, label, answer) };
  }
  showJudgement();
  element("wrong").focus({ preventScroll: true });
  return say(texts.judged(label));
}

// Says something that has nothing to do with the answer.
function notice(sentence) {
  element("notice").textContent = sentence;
  element("notice").hidden = false;
  say(sentence);
}

function hideNotice() {
  element("notice").hidden = true;
}

async function open(file) {
  if (!file) return;
  try {
    drawing.show({ picture: await readPicture(file) });
  } catch {
    notice(/\.hei[cf]$/i.test(file.name) || /hei[cf]/.test(file.type) ? texts.heic : texts.unreadable);
  }
}

// Keeps what lies on the paper for a reload of this tab.
function remember() {
  const { strokes, picture } = drawing;
  store("sessionStorage", "paper", JSON.stringify({ strokes: picture ? [] : strokes, picture: picture?.toDataURL("image/png") ?? null }));
}

async function restore() {
  try {
    const { strokes, picture } = JSON.parse(load("sessionStorage", "paper"));
    const remembered = { strokes, picture: await decoded(picture) };
    if (drawing.revision === 0 && (strokes.length || picture)) drawing.show(remembered);
  } catch { // nothing is remembered, or by another version of the page
  }
}

async function showExamples() {
  for (const example of await examples()) {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = example.canvas.toDataURL();
    image.alt = "";
    button.type = "button";
    button.append(image);
    button.dataset.kind = example.kind === "paper" ? "paperPhoto" : example.kind;
    button.dataset.digit = example.digit;
    button.addEventListener("click", () => {
      element("sheet").focus({ preventScroll: true }); // the focused element is about to be hidden
      drawing.show(example.open());
    });
    element("examples").append(button);
  }
  nameExamples();
}

function nameExamples() {
  for (const button of element("examples").children) button.ariaLabel = texts[button.dataset.kind](button.dataset.digit);
}

function showLabels() {
  for (let digit = 0; digit < 10; digit++) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = digit;
    button.addEventListener("click", () => judge(digit));
    element("labels").append(button);
  }
}

function change(language) {
  speak(language);
  [...element("labels").children].forEach((button, digit) => (button.ariaLabel = texts.isDigit(digit)));
  nameExamples();
  show(reader.shown);
  showJudgement();
  yours.render();
  renderApi();
}

element("undo").addEventListener("click", () => drawing.undo());
element("redo").addEventListener("click", () => drawing.redo());
element("clear").addEventListener("click", () => drawing.clear());
element("right").addEventListener("click", () => judge(reader.shown.answer.digit));
element("wrong").addEventListener("click", () => {
  isListOpen = !isListOpen;
  showJudgement();
  if (isListOpen) element("labels").querySelector("button").focus();
});
element("again").addEventListener("click", () => {
  element("sheet").focus({ preventScroll: true });
  reader.askAgain();
});
element("language").addEventListener("click", () => change(texts.other));
element("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(element("key").value);
  element("key").value = "";
  element("sheet").focus({ preventScroll: true });
  reader.askAgain();
});
for (const id of ["file", "camera"]) {
  element(id).addEventListener("change", (event) => {
    open(event.target.files[0]);
    event.target.value = "";
  });
}
addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && !event.altKey && /^[zy]$/i.test(event.key);
  if (!isUndo || event.target.matches("input:not([type=radio])")) return;
  event.preventDefault();
  if (event.key.toLowerCase() === "y" || event.shiftKey) drawing.redo();
  else drawing.undo();
});
addEventListener("paste", (event) => {
  const file = event.clipboardData.files[0];
  if (file) open(file);
  else if (!event.target.matches("input")) notice(texts.unreadable);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  element("paper").classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) element("paper").classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  element("paper").classList.remove("dropping");
  const file = event.dataTransfer.files[0];
  if (file) open(file);
  else notice(texts.unreadable);
});

showLabels();
startApi(say);
change(preferred());
showControls();
showExamples();
restore();
