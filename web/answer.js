// Shows what the reader has: the digit and how certain it is, ten bars, how it was read and why, or a problem.

import { clear, paintPicture, paintReasons, paintSeen, SCALE } from "./pictures.js";
import { percent, texts } from "./texts.js";

const SURE = 0.95;
const LIKELY = 0.7;
const SLOW_S = 3;
const element = (id) => document.getElementById(id);

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = `<span>${digit}</span><span class="track"><span class="fill"></span></span><span class="share"></span>`;
  element("bars").append(row);
  return row;
});

document.querySelector("#legend .scale").style.background = SCALE;

export function say(sentence) {
  element("spoken").textContent = sentence;
}

// Returns "unlike", "sure", "likely" or "unsure". `unlike_digit` is the service's word that this resembles no digit.
const certainty = ({ confidence, unlike_digit }) =>
  unlike_digit ? "unlike" : confidence >= SURE ? "sure" : confidence >= LIKELY ? "likely" : "unsure";

function runnerUp({ digit, probabilities }) {
  const others = probabilities.map((share, each) => ({ digit: each, share })).filter((other) => other.digit !== digit);
  return others.reduce((best, other) => (other.share > best.share ? other : best));
}

// Returns the answer in words, with the digit first.
export function summary(answer) {
  const next = runnerUp(answer);
  const words = texts[certainty(answer)](answer.digit, percent(answer.confidence), next.digit);
  return `${answer.digit}. ${words}. ${texts.next(next.digit, percent(next.share))}.`;
}

// Shows a state of the reader.
export function show(state) {
  const { status, answer, sent } = state;
  showVerdict(state);
  showBars(answer);
  showBox(answer, sent);
  showPictures(answer, sent);
  element("answer").ariaBusy = String(status === "reading" || status === "draft");
  element("answer").dataset.status = status;
  const isAnswered = status !== "empty" && status !== "problem";
  element("start").hidden = isAnswered;
  element("details").hidden = !isAnswered;
}

function showVerdict({ status, answer, seconds, problem, detail, retryIn }) {
  element("digit").textContent = status === "answer" ? answer.digit : "";
  element("draft").textContent = status === "draft" ? answer.digit : "";
  const words = { certainty: "", next: "", latency: "" };
  if (answer) {
    const next = runnerUp(answer);
    words.next = texts.next(next.digit, percent(next.share));
    words.certainty =
      status === "draft" ? texts.soFar : texts[certainty(answer)](answer.digit, percent(answer.confidence), next.digit);
    words.latency = status === "draft" ? "" : texts.latency(Math.round(answer.ms));
  }
  for (const [name, text] of Object.entries(words)) element("verdict").querySelector(`.${name}`).textContent = text;
  element("verdict").dataset.certainty = answer ? certainty(answer) : "";
  element("waiting").textContent = seconds >= SLOW_S ? texts.slow(seconds) : texts.reading;
  element("problem").querySelector(".sentence").textContent = problem ? texts[problem] : "";
  element("problem").querySelector(".retry").textContent = retryIn ? texts.retryIn(retryIn) : "";
  element("problem").querySelector(".detail").textContent = detail ?? "";
  element("problem").querySelector("details").hidden = !detail;
  element("again").hidden = !retryIn && problem !== "failed";
  const isLocked = problem === "key" || problem === "wrongKey";
  if (isLocked) element("locked").querySelector("label").textContent = texts[problem];
  const parts = { empty: "nothing", reading: "waiting", draft: "verdict", answer: "verdict", problem: isLocked ? "locked" : "problem" };
  for (const id of new Set(Object.values(parts).concat("locked", "problem"))) element(id).hidden = id !== parts[status];
}

function showBars(answer) {
  bars.forEach((row, digit) => {
    const share = answer?.probabilities[digit];
    row.querySelector(".fill").style.width = `${100 * (share ?? 0)}%`;
    row.querySelector(".share").textContent = answer ? percent(share) : "–";
    row.classList.toggle("best", digit === answer?.digit);
    row.classList.toggle("faint", !(share >= 0.01));
  });
}

// Frames on the paper what was read, and dims the rest.
function showBox(answer, sent) {
  const box = boxOf(answer);
  element("box").hidden = !box;
  if (!box) return;
  const [left, top, width, height] = sent.onSheet(...box).map((share) => `${100 * share}%`);
  Object.assign(element("box").style, { left, top, width, height });
}

// Returns [x, y, width, height] in pixels of the picture that was sent, or undefined where the service gives none.
function boxOf(answer) {
  const box = answer?.box;
  return box && (Array.isArray(box) ? box : [box.x, box.y, box.width, box.height]);
}

function showPictures(answer, sent) {
  const box = boxOf(answer);
  element("found").parentElement.hidden = !box;
  element("reasons-text").textContent = answer ? texts.why(...strongest(answer.attribution)) : "";
  if (!answer) return ["sent", "found", "seen", "reasons"].forEach((id) => clear(element(id)));
  paintPicture(element("sent"), sent.canvas);
  if (box) paintPicture(element("found"), sent.canvas, box);
  paintSeen(element("seen"), answer.pixels);
  return paintReasons(element("reasons"), answer.pixels, answer.attribution);
}

// Shows what the same picture gives when it is only resized; `plain` is null until then.
export function showPlain(pixels, plain) {
  if (pixels) paintSeen(element("plain"), pixels);
  else clear(element("plain"));
  element("plain-answer").textContent = plain ? `${plain.digit} · ${percent(plain.confidence)}` : "–";
  element("contrast").classList.toggle("differs", Boolean(plain) && plain.digit !== Number(element("digit").textContent));
}

// Returns the cells with the strongest support for the digit and the strongest evidence against it, as [column, row] of a grid of 3 by 3, or null.
function strongest(attribution) {
  const sums = Array(9).fill(0);
  attribution.forEach((row, y) => row.forEach((value, x) => (sums[3 * Math.floor((3 * y) / 28) + Math.floor((3 * x) / 28)] += value)));
  const place = (sum) => [sums.indexOf(sum) % 3, Math.floor(sums.indexOf(sum) / 3)];
  const [most, least] = [Math.max(...sums), Math.min(...sums)];
  return [most > 0 ? place(most) : null, least < 0 ? place(least) : null];
}
