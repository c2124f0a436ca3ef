// Requests the explanation of an image: with the API key if there is one, and once more if the server is busy.

import { load, store } from "./storage.js";

const TIMEOUT_MS = 20_000;
const LONGEST_WAIT_S = 10;
const PROBLEMS = { 400: "refused", 401: "key", 413: "tooLarge", 429: "busy", 503: "busy" };

let key = load("sessionStorage", "key");

export function useKey(given) {
  key = given;
  store("sessionStorage", "key", given);
}

// Returns the response and its latency in `ms`, or a `problem` (a key of texts.js) with the server's `detail`.
export async function explain(image, onwait) {
  let answer = await ask(image);
  if (answer.problem === "busy") {
    const seconds = Math.min(answer.retryAfter || 1, LONGEST_WAIT_S);
    onwait(seconds);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    answer = await ask(image);
  }
  return answer.problem === "key" && key ? { ...answer, problem: "wrongKey" } : answer;
}

async function ask(image) {
  const headers = { "Content-Type": image.type };
  if (key) headers["X-Api-Key"] = key;
  const began = performance.now();
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("explanations/mnist", { method: "POST", body: image, headers, signal });
    const answer = await response.json();
    if (response.ok) return { ...answer, ms: performance.now() - began };
    const retryAfter = Number(response.headers.get("Retry-After"));
    return { problem: PROBLEMS[response.status] ?? "failed", detail: answer.error ?? answer.message, retryAfter };
  } catch (error) {
    return { problem: error instanceof SyntaxError ? "failed" : "unreachable" };
  }
}
