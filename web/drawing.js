// A sheet of paper: strokes by mouse, finger, pen or keyboard, or a picture laid on it. Tells `onchange` of every change.

const INK = "#111";
const PEN_WIDTH = 34; // of 560, as thick as MNIST's strokes
const STEP = 14;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Drawing {
  constructor(canvas, onchange) {
    this.canvas = canvas;
    this.onchange = onchange;
    this.strokes = [];
    this.picture = null;
    this.pen = { x: canvas.width / 2, y: canvas.height / 2, isDown: false };
    this.pointers = new Map(); // a stroke for each finger
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.end(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.paint());
    canvas.addEventListener("blur", () => this.paint());
    this.paint();
  }

  get isEmpty() {
    return !this.picture && this.strokes.length === 0;
  }

  clear() {
    this.strokes = [];
    this.picture = null;
    this.pen.isDown = false;
    this.changed();
  }

  undo() {
    if (this.strokes.length) this.strokes.pop();
    else this.picture = null;
    this.pen.isDown = false;
    this.changed();
  }

  show(picture) {
    this.strokes = [];
    this.picture = picture;
    this.changed();
  }

  // What is on the paper as a PNG, without the keyboard's cursor.
  async png() {
    const copy = document.createElement("canvas");
    copy.width = this.canvas.width;
    copy.height = this.canvas.height;
    this.paintOn(copy);
    return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
  }

  begin(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const stroke = [this.position(event)];
    this.pointers.set(event.pointerId, stroke);
    this.strokes.push(stroke);
    this.changed();
  }

  move(event) {
    const stroke = this.pointers.get(event.pointerId);
    if (!stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    stroke.push(...(events.length ? events : [event]).map((each) => this.position(each)));
    this.changed();
  }

  end(event) {
    this.pointers.delete(event.pointerId);
  }

  key(event) {
    const { pen } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) {
      const [dx, dy] = MOVES[event.key];
      pen.x = Math.min(Math.max(pen.x + dx * STEP, 0), this.canvas.width);
      pen.y = Math.min(Math.max(pen.y + dy * STEP, 0), this.canvas.height);
      if (pen.isDown) this.strokes.at(-1).push([pen.x, pen.y]);
    } else if (event.key === " ") {
      pen.isDown = !pen.isDown;
      if (pen.isDown) this.strokes.push([[pen.x, pen.y]]);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    if (pen.isDown) this.changed();
    else this.paint();
  }

  position(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  changed() {
    this.paint();
    this.onchange();
  }

  paint() {
    this.paintOn(this.canvas);
    if (this.canvas.matches(":focus-visible")) this.paintCursor();
  }

  paintOn(canvas) {
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.picture) {
      const scale = Math.min(canvas.width / this.picture.width, canvas.height / this.picture.height);
      const [width, height] = [this.picture.width * scale, this.picture.height * scale];
      context.drawImage(this.picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    }
    context.strokeStyle = INK;
    context.lineWidth = PEN_WIDTH;
    context.lineCap = context.lineJoin = "round";
    for (const [first, ...rest] of this.strokes) {
      context.beginPath();
      context.moveTo(...first);
      context.lineTo(...first); // a dot, where there is no more
      for (const point of rest) context.lineTo(...point);
      context.stroke();
    }
  }

  paintCursor() {
    const context = this.canvas.getContext("2d");
    context.strokeStyle = "#1f5fbf";
    context.lineWidth = 3;
    context.beginPath();
    context.arc(this.pen.x, this.pen.y, PEN_WIDTH / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
  }
}
