// The page: what is on the paper goes to the server as a PNG, and the ten probabilities come back as bars.

import { Drawing } from "./drawing.js";
import { TEXTS } from "./texts.js";

const WAIT_MS = 120; // after the last change, and between two questions at least
const element = (id) => document.getElementById(id);

let texts = TEXTS.en;
let latest = 0; // answers may overtake each other: only the latest question's counts
let timer = 0;
let last = null;

const drawing = new Drawing(element("paper"), () => {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = `<span>${digit}</span><span class="track"><span class="fill"></span></span><span class="share">–</span>`;
  element("bars").append(row);
  return row;
});

async function ask() {
  const question = ++latest;
  if (drawing.isEmpty) return show({ hint: true });
  const png = await drawing.png();
  const began = performance.now();
  const answer = await send(png);
  if (question === latest) show({ ...answer, ms: performance.now() - began });
}

async function send(png) {
  try {
    const headers = { "Content-Type": "image/png" };
    const response = await fetch("predictions/mnist", { method: "POST", body: png, headers });
    const answer = await response.json();
    return response.ok ? answer : { error: answer.error ?? answer.message };
  } catch {
    return { unreachable: true };
  }
}

function show(answer) {
  last = answer;
  const { digit, confidence, probabilities } = answer;
  const place = element("answer");
  if (probabilities) {
    const strong = document.createElement("strong");
    strong.textContent = digit;
    place.replaceChildren(strong, texts.sure(percent(confidence)));
  } else {
    const hint = document.createElement("span");
    hint.className = "hint";
    hint.textContent = answer.error ?? (answer.unreachable ? texts.unreachable : texts.hint);
    place.replaceChildren(hint);
  }
  bars.forEach((row, i) => {
    const share = probabilities?.[i];
    row.querySelector(".fill").style.width = `${100 * (share ?? 0)}%`;
    row.querySelector(".share").textContent = share === undefined ? "–" : percent(share);
    row.classList.toggle("best", i === digit);
  });
  element("latency").textContent = probabilities ? texts.latency(Math.round(answer.ms)) : "";
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function speak(language) {
  texts = TEXTS[language];
  document.documentElement.lang = language;
  document.title = texts.title;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = texts[node.dataset.text];
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = texts[node.dataset.label];
  element("language").textContent = texts.otherName;
  element("language").lang = texts.other;
  if (last) show(last);
}

async function open(file) {
  if (!file?.type.startsWith("image/")) return;
  try {
    drawing.show(await createImageBitmap(file));
  } catch {
    show({ error: texts.unreadable });
  }
}

element("clear").addEventListener("click", () => drawing.clear());
element("undo").addEventListener("click", () => drawing.undo());
element("language").addEventListener("click", () => speak(texts.other));
element("file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = "";
});
addEventListener("paste", (event) => open(event.clipboardData.files[0]));
addEventListener("dragover", (event) => {
  event.preventDefault();
  element("paper").classList.add("dropping");
});
addEventListener("dragleave", () => element("paper").classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  element("paper").classList.remove("dropping");
  open(event.dataTransfer.files[0]);
});

speak(navigator.language.startsWith("ko") ? "ko" : "en");
show({ hint: true });
