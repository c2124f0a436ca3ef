// The drawing surface: strokes by mouse, finger, pen or keyboard, or an opened picture. Calls `onchange` on every change
// and `onpen` when the keyboard's pen goes up or down. A stroke over a picture starts a new drawing; undo restores it.

const SIDE_PX = 560;
const INK = "#111";
const PEN_WIDTH_PX = 34; // as thick as MNIST's strokes
const STEP_PX = 14;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LARGE_PX = 300 * 300; // larger pictures are sent as JPEG
const QUALITY = 0.92;

export class Drawing {
  constructor(canvas, { onchange, onpen }) {
    Object.assign(this, { canvas, onchange, onpen, strokes: [], picture: null });
    this.context = canvas.getContext("2d", { alpha: false }); // opaque: a smaller PNG that decodes faster
    this.pen = { x: SIDE_PX / 2, y: SIDE_PX / 2, isDown: false };
    this.pointers = new Map(); // a stroke for each finger
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.end(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const focus of ["focus", "blur"]) canvas.addEventListener(focus, () => this.paint());
    this.paint();
  }

  get isEmpty() {
    return !this.picture && this.strokes.length === 0;
  }

  get isUnderWay() {
    return this.pointers.size > 0;
  }

  get shownPicture() {
    return this.strokes.length ? null : this.picture;
  }

  get format() {
    const isLarge = this.shownPicture && this.canvas.width * this.canvas.height > LARGE_PX;
    return isLarge ? ["image/jpeg", QUALITY] : ["image/png"];
  }

  clear() {
    this.show({});
  }

  undo() {
    if (this.strokes.length) this.strokes.pop();
    else this.picture = null;
    this.pen.isDown = false;
    this.changed();
  }

  // Replaces the drawing by strokes or a picture (a canvas).
  show({ strokes = [], picture = null }) {
    this.strokes = strokes.map((stroke) => [...stroke]);
    this.picture = picture;
    this.pen.isDown = false;
    this.changed();
  }

  // Returns the drawing without the keyboard's cursor.
  copy() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.canvas.width, this.canvas.height];
    this.paintOn(canvas.getContext("2d", { alpha: false }));
    return canvas;
  }

  // Returns the drawing as a file to send.
  async file() {
    return new Promise((resolve) => this.copy().toBlob(resolve, ...this.format));
  }

  begin(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const stroke = [];
    this.pointers.set(event.pointerId, stroke);
    this.strokes.push(stroke);
    this.paint(); // removes a picture and restores the size of the canvas
    stroke.push(this.position(event));
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
    if (this.pointers.delete(event.pointerId)) this.changed();
  }

  key(event) {
    const { pen } = this;
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.altKey || (isCommand && event.key !== "z")) return;
    if (isCommand) {
      this.undo();
    } else if (event.key in MOVES) {
      const [dx, dy] = MOVES[event.key];
      pen.x = Math.min(Math.max(pen.x + dx * STEP_PX, 0), SIDE_PX);
      pen.y = Math.min(Math.max(pen.y + dy * STEP_PX, 0), SIDE_PX);
      if (pen.isDown) this.strokes.at(-1).push([pen.x, pen.y]);
    } else if (event.key === " ") {
      pen.isDown = !pen.isDown;
      if (pen.isDown) this.strokes.push([[pen.x, pen.y]]);
      this.onpen(pen.isDown);
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
    const round = (value) => Math.round(10 * value) / 10;
    return [
      round(((event.clientX - box.left) * SIDE_PX) / box.width),
      round(((event.clientY - box.top) * SIDE_PX) / box.height),
    ];
  }

  changed() {
    this.paint();
    this.onchange();
  }

  paint() {
    const { width, height } = this.shownPicture ?? { width: SIDE_PX, height: SIDE_PX };
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.paintOn(this.context);
    if (this.canvas.matches(":focus-visible") && !this.shownPicture) this.paintCursor();
  }

  paintOn(context) {
    if (this.shownPicture) return context.drawImage(this.picture, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE_PX, SIDE_PX);
    context.strokeStyle = INK;
    context.lineWidth = PEN_WIDTH_PX;
    context.lineCap = context.lineJoin = "round";
    for (const [first, ...rest] of this.strokes.filter((stroke) => stroke.length)) {
      context.beginPath();
      context.moveTo(...first);
      context.lineTo(...first); // a stroke of one point is a dot
      for (const point of rest) context.lineTo(...point);
      context.stroke();
    }
  }

  paintCursor() {
    this.context.strokeStyle = this.pen.isDown ? "#d9480f" : "#1f5fbf";
    this.context.lineWidth = 4;
    this.context.beginPath();
    this.context.arc(this.pen.x, this.pen.y, PEN_WIDTH_PX / 2 + 4, 0, 2 * Math.PI);
    this.context.stroke();
  }
}
