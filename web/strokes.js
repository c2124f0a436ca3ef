// Strokes: lists of points [x, y] on a sheet of SIDE by SIDE. A stroke without extent is a dot.

export const SIDE = 560;
const FILL = 0.7; // the share of the sheet that enlarged strokes take
const LARGEST_SCALE = 12;
const CORNER = 0.2; // the cosine of the turn from which a point is a corner and stays one

// Returns how the strokes are moved to the middle of the sheet and enlarged or reduced to FILL of it.
export function fit(strokes) {
  const points = strokes.flat();
  const [left, right] = range(points.map(([x]) => x));
  const [top, bottom] = range(points.map(([, y]) => y));
  const scale = Math.min((FILL * SIDE) / Math.max(right - left, bottom - top, 1), LARGEST_SCALE);
  return { scale, x: SIDE / 2 - (scale * (left + right)) / 2, y: SIDE / 2 - (scale * (top + bottom)) / 2 };
}

// Paints smoothed strokes with a pen of `width`, after the scale and the shift of `fit`.
export function paintStrokes(context, strokes, width, { scale, x, y } = { scale: 1, x: 0, y: 0 }) {
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    if (stroke.length) trace(context, stroke.map((point) => [scale * point[0] + x, scale * point[1] + y]), width);
  }
}

function trace(context, points, width) {
  const [first, last] = [points[0], points.at(-1)];
  context.beginPath();
  if (points.every(([x, y]) => Math.hypot(x - first[0], y - first[1]) < 0.5)) { // a canvas draws no line of length 0
    context.fillStyle = context.strokeStyle;
    context.arc(...first, width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...first);
  for (let i = 1; i < points.length - 1; i++) {
    const [before, point, after] = points.slice(i - 1, i + 2);
    if (turn(before, point, after) < CORNER) context.lineTo(...point);
    else context.quadraticCurveTo(...point, (point[0] + after[0]) / 2, (point[1] + after[1]) / 2);
  }
  context.lineTo(...last);
  context.stroke();
}

// Returns the cosine of the change of direction at `point`: 1 is straight on.
function turn(before, point, after) {
  const [ax, ay, bx, by] = [point[0] - before[0], point[1] - before[1], after[0] - point[0], after[1] - point[1]];
  return (ax * bx + ay * by) / (Math.hypot(ax, ay) * Math.hypot(bx, by) || 1);
}

const range = (values) => values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
