// Shows a prediction to eyes and to screen readers: the digit, ten bars and two pictures, or an error.

import { clear, paintReasons, paintSeen, SCALE } from "./pictures.js";
import { percent, texts } from "./texts.js";

const element = (id) => document.getElementById(id);
const REPEATABLE = new Set(["busy", "failed", "unreachable"]);

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = `<span>${digit}</span><span class="track"><span class="fill"></span></span><span class="share"></span>`;
  element("bars").append(row);
  return row;
});

document.querySelector("#legend .scale").style.background = SCALE;

// Returns a sentence: "7, 99.9 % sure".
export const summary = ({ digit, confidence }) =>
  digit === undefined || digit === null ? texts.unread : `${digit}, ${texts.sure(percent(confidence))}`;

export function say(sentence) {
  element("spoken").textContent = sentence;
}

// Shows a result of server.js; {} before any request, and { waiting: seconds } until a retry.
export function show(answer) {
  const { digit, probabilities, problem, waiting } = answer;
  if (probabilities) showReading(answer);
  else if (problem === "key" || problem === "wrongKey") showOnly("locked", texts[problem]);
  else if (problem || waiting) showProblem(answer);
  else showOnly("nothing");
  bars.forEach((row, i) => {
    row.querySelector(".fill").style.width = `${100 * (probabilities?.[i] ?? 0)}%`;
    row.querySelector(".share").textContent = probabilities ? percent(probabilities[i]) : "–";
    row.classList.toggle("best", i === digit);
  });
  showPictures(answer);
}

function showReading(answer) {
  showOnly("reading");
  element("reading").querySelector("strong").textContent = answer.digit;
  element("reading").querySelector(".sure").textContent = texts.sure(percent(answer.confidence));
  element("reading").querySelector(".latency").textContent = texts.latency(Math.round(answer.ms));
}

function showProblem({ problem, detail, waiting }) {
  showOnly("problem");
  element("problem").querySelector(".sentence").textContent = waiting ? texts.waiting(waiting) : texts[problem];
  element("problem").querySelector(".detail").textContent = detail ?? "";
  element("again").hidden = !REPEATABLE.has(problem);
}

function showPictures({ pixels, attribution }) {
  if (pixels) {
    paintSeen(element("seen"), pixels);
    paintReasons(element("reasons"), pixels, attribution);
  } else {
    clear(element("seen"));
    clear(element("reasons"));
  }
}

function showOnly(id, label) {
  for (const part of element("answer").children) part.hidden = part.id !== id;
  if (label) element(id).querySelector("label").textContent = label;
}

// Returns the text for screen readers.
export function sayAnswer({ probabilities, digit, confidence, problem, waiting }) {
  if (probabilities) say(summary({ digit, confidence }));
  else if (waiting) say(texts.waiting(waiting));
  else say(problem ? texts[problem] : "");
}
