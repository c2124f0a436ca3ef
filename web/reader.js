// Asks the server about a drawing. Each answer belongs to one revision of the drawing, and no other is shown:
// a change takes the answer away at once. While a line is being drawn, the server is asked for drafts, which are shown as
// such; when the pen has rested, it is asked for the answer.
//
// Calls show({ status, … }) with the status
//   "empty"; "reading" with the `seconds` so far; "draft" and "answer" with `answer` and what was `sent`;
//   "problem" with `problem`, `detail` and, if it is asked again, the seconds until then in `retryIn`.

import { explain } from "./server.js";

const DRAFT_MS = 120; // between a change and a draft, and so between two drafts
const REST_MS = 400; // a pen lifted for so long has finished
const KEYS_REST_MS = 1000;
const LONGEST_RETRY_S = 30;
const NO_DRAFTS_MS = 3000; // after a server that could not answer one
const RETRIED = new Set(["busy", "down", "unreachable"]);

export class Reader {
  constructor(drawing, show) {
    Object.assign(this, { drawing, onshow: show, shown: { status: "empty" }, draftsFrom: 0 });
    this.questions = { draft: null, final: null };
    addEventListener("online", () => this.shown.problem === "unreachable" && this.askAgain());
  }

  changed(isInk) {
    clearTimeout(this.restTimer);
    this.drop("final");
    if (!isInk || this.drawing.isEmpty) {
      this.drop("draft");
      this.show(this.drawing.isEmpty ? { status: "empty" } : { status: "reading", seconds: 0 });
      if (!this.drawing.isEmpty) this.finish();
      return;
    }
    if (this.shown.status !== "draft" && this.shown.status !== "reading") this.show({ status: "reading", seconds: 0 });
    if (!this.draftTimer && !this.questions.draft) this.draftTimer = setTimeout(() => this.draft(), DRAFT_MS);
    if (!this.drawing.isPenDown) {
      this.restTimer = setTimeout(() => this.finish(), this.drawing.live ? KEYS_REST_MS : REST_MS);
    }
  }

  askAgain() {
    this.drop("final");
    this.show({ status: "reading", seconds: 0 });
    this.finish();
  }

  async draft() {
    this.draftTimer = 0;
    if (performance.now() < this.draftsFrom) return;
    const { revision } = this.drawing;
    const { answer, sent, isCurrent } = await this.ask("draft");
    if (!isCurrent) return;
    if (answer.probabilities) this.show({ status: "draft", answer, sent, revision });
    else if (answer.problem !== "refused") this.draftsFrom = performance.now() + NO_DRAFTS_MS;
    if (revision !== this.drawing.revision) this.draftTimer = setTimeout(() => this.draft(), DRAFT_MS);
  }

  async finish(attempt = 0) {
    this.drop("draft");
    const { revision } = this.drawing;
    const isKnown = this.shown.status === "draft" && this.shown.revision === revision;
    if (!isKnown && this.shown.status !== "problem") this.show({ status: "reading", seconds: 0 });
    const { answer, sent, isCurrent } = await this.ask("final");
    if (!isCurrent || revision !== this.drawing.revision) return;
    if (answer.probabilities) return this.show({ status: "answer", answer, sent, revision });
    if (!RETRIED.has(answer.problem)) return this.show({ status: "problem", ...answer });
    const retryIn = Math.min(Math.max(answer.retryAfter || 1, 2 ** attempt), LONGEST_RETRY_S);
    this.retryTimer = setTimeout(() => this.finish(attempt + 1), 1000 * retryIn);
    return this.show({ status: "problem", ...answer, retryIn });
  }

  async ask(kind) {
    const question = (this.questions[kind] = new AbortController());
    const sent = await this.drawing.toSend();
    const answer = await explain(sent.file, { isDraft: kind === "draft", signal: question.signal });
    const isCurrent = this.questions[kind] === question;
    if (isCurrent) this.questions[kind] = null;
    return { answer, sent, isCurrent };
  }

  drop(kind) {
    this.questions[kind]?.abort();
    this.questions[kind] = null;
    if (kind === "draft") {
      clearTimeout(this.draftTimer);
      this.draftTimer = 0;
    } else {
      clearTimeout(this.retryTimer);
    }
  }

  show(state) {
    this.shown = state;
    clearInterval(this.clock);
    if (state.status === "reading" || state.retryIn) this.clock = setInterval(() => this.tick(), 1000);
    this.onshow(state);
  }

  tick() {
    if (this.shown.status === "reading") this.shown.seconds++;
    else this.shown.retryIn = Math.max(this.shown.retryIn - 1, 1);
    this.onshow(this.shown);
  }
}
