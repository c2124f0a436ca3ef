// Requests to the server, with the API key if there is one.

import { load, store } from "./storage.js";

const TIMEOUT_MS = 20_000;
const PROBLEMS = { 400: "refused", 401: "key", 413: "tooLarge", 429: "busy", 502: "down", 503: "down", 504: "down" };

let key = load("sessionStorage", "key");

export const hasKey = () => Boolean(key);

export function useKey(given) {
  key = given;
  store("sessionStorage", "key", given);
}

// Asks for a digit with its explanation. A draft is answered like any picture, but the service does not count it.
export async function explain(file, { isDraft, signal }) {
  const answer = await ask("explanations/mnist", file, file.type, isDraft, signal);
  if (answer.problem === "key" && key) return { ...answer, problem: "wrongKey" };
  if (answer.problem === "refused" && /\d digits/.test(answer.detail)) return { ...answer, problem: "several" };
  return answer;
}

// Asks for the digit of 28 by 28 pixels as they are, without any preprocessing.
export async function classify(pixels, signal) {
  const body = JSON.stringify({ instances: [pixels] });
  const answer = await ask("predictions/mnist", body, "application/json", true, signal);
  return answer.predictions?.[0] ?? null;
}

// Returns the model's version as the V2 protocol gives it, or null.
export async function version() {
  const input = { name: "input", datatype: "UINT8", shape: [1, 784], data: Array(784).fill(0) };
  const answer = await ask("v2/models/mnist/infer", JSON.stringify({ inputs: [input] }), "application/json", true);
  return answer.model_version ?? null;
}

// Returns the response with its latency in `ms` and the server's part of it in `serverMs`, if it tells; or a `problem`
// (a key of texts.js) with the server's `detail`; or { isAborted }.
async function ask(path, body, type, isDraft, signal = new AbortController().signal) {
  const headers = { "Content-Type": type };
  if (isDraft) headers["X-Health-Check"] = "true";
  if (key) headers["X-Api-Key"] = key;
  const began = performance.now();
  try {
    const ending = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(path, { method: "POST", body, headers, signal: ending });
    const answer = await response.json();
    const serverMs = Number(/dur=([\d.]+)/.exec(response.headers.get("Server-Timing"))?.[1]) || null;
    if (response.ok) return { ...answer, ms: performance.now() - began, serverMs };
    const retryAfter = Number(response.headers.get("Retry-After"));
    return { problem: PROBLEMS[response.status] ?? "failed", detail: answer.error ?? answer.message ?? "", retryAfter };
  } catch (error) {
    if (signal.aborted) return { isAborted: true };
    return { problem: error instanceof SyntaxError ? "failed" : "unreachable" };
  }
}
