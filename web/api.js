// "Use via API": the model's version, commands for the picture that was sent last, its answer as JSON, and latencies.

import { download } from "./labels.js";
import { hasKey, version } from "./server.js";
import { texts } from "./texts.js";

const LATENCIES = 100;
const element = (id) => document.getElementById(id);
const latencies = [];
let sent = null;
let answer = null;

const fileName = () => (sent?.file.type === "image/jpeg" ? "digit.jpg" : "digit.png");

const SNIPPETS = {
  curl: (url, file, key) => `curl${key ? ' -H "X-Api-Key: $API_KEY"' : ""} --data-binary @${file} ${url}`,
  python: (url, file, key) => `import json
import os
import urllib.request

with open("${file}", "rb") as picture:
    request = urllib.request.Request("${url}", picture.read())
${key ? 'request.add_header("X-Api-Key", os.environ["API_KEY"])\n' : ""}print(json.load(urllib.request.urlopen(request))["digit"])`.replace(key ? "" : "import os\n", ""),
  javascript: (url, file, key) => `import { readFile } from "node:fs/promises";

const body = await readFile("${file}");
const response = await fetch("${url}", { method: "POST", body${key ? ', headers: { "X-Api-Key": process.env.API_KEY }' : ""} });
console.log((await response.json()).digit);`,
};

export function startApi(say) {
  element("api").addEventListener("toggle", showVersion, { once: true });
  element("download").addEventListener("click", () => download(sent.file, fileName()));
  for (const input of document.getElementsByName("client")) input.addEventListener("change", renderApi);
  element("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(element("snippet").textContent);
      say(texts.copied);
    } catch { // no permission, or no TLS: the person copies the selection
      getSelection().selectAllChildren(element("snippet"));
    }
  });
}

// Shows the answer of a state of the reader, and forgets the one before.
export function tellApi(state) {
  const isAnswer = state.status === "answer";
  if (!isAnswer && !answer) return;
  [answer, sent] = isAnswer ? [state.answer, state.sent] : [null, null];
  if (isAnswer) latencies.push(answer.ms);
  latencies.splice(0, latencies.length - LATENCIES);
  renderApi();
}

export function renderApi() {
  const client = document.querySelector("[name=client]:checked").value;
  element("snippet").textContent = SNIPPETS[client](new URL("predictions/mnist", location.href), fileName(), hasKey());
  element("download").hidden = !sent;
  element("json").hidden = !answer;
  if (!answer) return;
  const { digit, confidence, probabilities } = answer;
  element("json").textContent = JSON.stringify({ digit, confidence, probabilities }, null, 1).replace(/\n {2}/g, " ").replace(/\n \]/, " ]");
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.ceil(share * sorted.length) - 1]);
  element("latencies").textContent = texts.latencies(Math.round(answer.ms), at(0.5), at(0.99), sorted.length, answer.serverMs);
}

async function showVersion() {
  element("version").textContent = (await version()) ?? "";
}
