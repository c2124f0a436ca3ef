// The drawing surface: strokes by mouse, finger, pen or keyboard, or an opened picture, with undo and redo over everything.
// `revision` counts all changes. Calls `onchange(isInk)`, where isInk means that ink was only added, and `onkey(what, …)`
// for the keyboard's pen: "penDown", "penUp", "at" a place, or "digit" to lay a sample on the paper.

import { fit, paintStrokes, SIDE } from "./strokes.js";

const INK = "#14171c";
const SHOWN_PEN = 24;
const SENT_PEN = 36; // as thick as MNIST's strokes, when the strokes are enlarged
const SENT_SIDE = 280; // half the sheet: the server decodes it four times as fast
const STEP = 14;
const MOVES = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1],
  q: [-1, -1], e: [1, -1], z: [-1, 1], c: [1, 1],
};
const REMEMBERED = 100; // states for undo
const PALM_PX = 40;
const PEN_RULES_MS = 5000; // after a pen was near, a touch is the hand that holds it
const LARGE_PX = 300 * 300; // larger pictures are sent as JPEG
const QUALITY = 0.92;

export class Drawing {
  constructor(canvas, { onchange, onkey }) {
    Object.assign(this, { canvas, onchange, onkey, revision: 0, states: [{ strokes: [], picture: null }], index: 0 });
    this.context = canvas.getContext("2d");
    this.live = null; // the stroke under way: { by, stroke }, where `by` is a pointer's id or "keys"
    this.cursor = [SIDE / 2, SIDE / 2];
    this.penSeen = -Infinity;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event)); // a palm, or two fingers that zoom
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const focus of ["focus", "blur"]) canvas.addEventListener(focus, () => this.paint());
    this.paint();
  }

  get state() {
    return this.states[this.index];
  }

  get strokes() {
    const before = this.state.picture ? [] : this.state.strokes; // a stroke over a picture begins a new drawing
    return this.live ? [...before, this.live.stroke] : before;
  }

  get picture() {
    return this.live ? null : this.state.picture;
  }

  get isEmpty() {
    return !this.picture && this.strokes.length === 0;
  }

  get isPenDown() {
    return this.live !== null && this.live.by !== "keys";
  }

  get canUndo() {
    return this.index > 0 || this.live !== null;
  }

  get canRedo() {
    return this.index < this.states.length - 1;
  }

  undo() {
    if (this.live) this.live = null;
    else if (this.canUndo) this.index--;
    else return;
    this.changed(false);
  }

  redo() {
    if (!this.canRedo || this.live) return;
    this.index++;
    this.changed(false);
  }

  clear() {
    if (!this.isEmpty) this.show({});
  }

  // Replaces the drawing by strokes or a picture (a canvas).
  show({ strokes = [], picture = null }) {
    this.commit();
    this.push({ strokes, picture });
    this.changed(false);
  }

  push(state) {
    this.states.splice(this.index + 1, Infinity, state);
    this.states.splice(0, this.states.length - REMEMBERED);
    this.index = this.states.length - 1;
  }

  // Makes the stroke under way a part of the drawing.
  commit() {
    if (!this.live) return;
    const { strokes } = this;
    this.live = null;
    this.push({ strokes, picture: null });
  }

  begin(event) {
    if (event.button !== 0 || this.isRejected(event)) return;
    if (this.isPenDown) this.live = null; // a pen, after the palm that touched first
    this.commit();
    this.canvas.setPointerCapture(event.pointerId);
    this.live = { by: event.pointerId, stroke: [] };
    this.paint(); // removes a picture and restores the size of the canvas
    this.add([event]);
  }

  move(event) {
    if (event.pointerType === "pen") this.penSeen = event.timeStamp;
    if (event.pointerId !== this.live?.by) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.add(events.length ? events : [event]);
  }

  end(event) {
    if (event.pointerId !== this.live?.by) return;
    this.commit();
    this.onchange(true);
  }

  cancel(event) {
    if (event.pointerId !== this.live?.by) return;
    this.live = null;
    this.changed(false);
  }

  // A second finger, a palm, and a hand that holds a pen draw nothing.
  isRejected(event) {
    if (event.pointerType === "pen") {
      this.penSeen = event.timeStamp;
      return false;
    }
    const isHand = event.pointerType === "touch" && event.timeStamp - this.penSeen < PEN_RULES_MS;
    const isPalm = event.pointerType === "touch" && Math.max(event.width, event.height) > PALM_PX;
    return this.isPenDown || isHand || isPalm;
  }

  add(events) {
    const box = this.canvas.getBoundingClientRect();
    const round = (value) => Math.round(10 * value) / 10;
    for (const { clientX, clientY } of events) {
      const point = [round(((clientX - box.left) * SIDE) / box.width), round(((clientY - box.top) * SIDE) / box.height)];
      if (String(point) !== String(this.live.stroke.at(-1))) this.live.stroke.push(point);
    }
    this.changed(true);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const key = /^Key[QEZC]$/.test(event.code) ? event.code.at(3).toLowerCase() : event.key; // whatever the alphabet
    const keysPen = this.live?.by === "keys";
    if (key in MOVES) {
      this.step(MOVES[key], event.shiftKey ? 3 : 1);
    } else if (key === " ") {
      if (keysPen) {
        this.commit();
        this.paint();
        this.onchange(true);
      } else if (!this.live) {
        this.live = { by: "keys", stroke: [[...this.cursor]] };
        this.changed(true);
      }
      this.onkey(keysPen ? "penUp" : "penDown");
    } else if (key === "Delete" || key === "Backspace") {
      this.clear();
    } else if (/^[0-9]$/.test(key)) {
      this.onkey("digit", Number(key));
    } else {
      return;
    }
    event.preventDefault();
  }

  step(move, steps) {
    this.cursor = this.cursor.map((value, i) => Math.min(Math.max(value + move[i] * STEP * steps, 0), SIDE));
    this.onkey("at", ...this.cursor.map((value) => Math.min(Math.floor((3 * value) / SIDE), 2)));
    if (this.live?.by !== "keys") return this.paint();
    this.live.stroke.push([...this.cursor]);
    return this.changed(true);
  }

  changed(isInk) {
    this.revision++;
    this.paint();
    this.onchange(isInk);
  }

  paint() {
    const { width, height } = this.picture ?? { width: SIDE, height: SIDE };
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.context.clearRect(0, 0, width, height);
    if (this.picture) return this.context.drawImage(this.picture, 0, 0);
    this.context.strokeStyle = INK;
    paintStrokes(this.context, this.strokes, SHOWN_PEN);
    if (this.canvas.matches(":focus-visible")) this.paintCursor();
  }

  paintCursor() {
    this.context.strokeStyle = this.live ? "#c2410c" : "#1d4ed8";
    this.context.lineWidth = 4;
    this.context.beginPath();
    this.context.arc(...this.cursor, SHOWN_PEN / 2 + 6, 0, 2 * Math.PI);
    this.context.stroke();
  }

  // Returns the sheet as it lies there, without the keyboard's cursor.
  sheet() {
    if (this.picture) return this.picture;
    const context = blank(SIDE);
    paintStrokes(context, this.strokes, SHOWN_PEN);
    return context.canvas;
  }

  // Returns what to send: a canvas, its file, and a function from a box in it to a box in shares of the sheet.
  async toSend() {
    const canvas = this.picture ?? this.enlarged();
    const isLarge = this.picture && canvas.width * canvas.height > LARGE_PX;
    const type = isLarge ? ["image/jpeg", QUALITY] : ["image/png"];
    const onSheet = this.picture ? boxInPicture(canvas) : boxInStrokes(fit(this.strokes));
    return { canvas, onSheet, file: await new Promise((resolve) => canvas.toBlob(resolve, ...type)) };
  }

  // Strokes are sent as large as the sheet, so that a small digit is not a blob.
  enlarged() {
    const context = blank(SENT_SIDE);
    const half = SENT_SIDE / SIDE;
    context.setTransform(half, 0, 0, half, 0, 0);
    paintStrokes(context, this.strokes, SENT_PEN, fit(this.strokes));
    return context.canvas;
  }
}

function blank(side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true }); // a smaller PNG
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.strokeStyle = INK;
  return context;
}

function boxInPicture({ width, height }) {
  const side = Math.max(width, height);
  return (x, y, w, h) => [(x + (side - width) / 2) / side, (y + (side - height) / 2) / side, w / side, h / side];
}

function boxInStrokes(moved) {
  const back = SIDE / SENT_SIDE;
  const size = (value) => (value * back) / moved.scale / SIDE;
  return (x, y, w, h) => [(x * back - moved.x) / moved.scale / SIDE, (y * back - moved.y) / moved.scale / SIDE, size(w), size(h)];
}
