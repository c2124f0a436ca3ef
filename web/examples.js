// Examples to try: digits of MNIST, digits as a hand draws them, and two that look like photos.

import { decoded } from "./photo.js";
import { paintStrokes, SIDE } from "./strokes.js";

const arc = (x, y, rx, ry, from, to) =>
  Array.from({ length: 25 }, (_, i) => {
    const angle = (Math.PI * (from + ((to - from) * i) / 24)) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
  });

// Strokes of each digit, in shares of the sheet.
const HAND = [
  [arc(0.5, 0.5, 0.19, 0.3, -90, 275)],
  [[[0.4, 0.3], [0.54, 0.2], [0.5, 0.8]]],
  [[...arc(0.48, 0.36, 0.18, 0.16, -170, 40), [0.3, 0.78], [0.72, 0.77]]],
  [[...arc(0.47, 0.35, 0.17, 0.15, -150, 90), ...arc(0.47, 0.65, 0.2, 0.16, -90, 150)]],
  [[[0.42, 0.2], [0.29, 0.54], [0.7, 0.52]], [[0.62, 0.3], [0.57, 0.84]]],
  [[[0.37, 0.22], [0.34, 0.46], ...arc(0.47, 0.61, 0.19, 0.19, -120, 150)], [[0.37, 0.22], [0.68, 0.2]]],
  [[...arc(0.78, 0.62, 0.46, 0.46, -115, -180), ...arc(0.49, 0.65, 0.17, 0.17, -180, 180)]],
  [[[0.3, 0.25], [0.7, 0.23], [0.46, 0.8]]],
  [[...arc(0.5, 0.35, 0.14, 0.15, 90, -270), ...arc(0.5, 0.66, 0.17, 0.16, -90, 270)]],
  [[...arc(0.49, 0.37, 0.16, 0.16, 0, -360), [0.65, 0.37], [0.6, 0.82]]],
];

const MNIST = {
  2: "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAA6ElEQVR4nGNgoAlgRDBLOPVCGKYfX4xN2cq/f//+/fv3lhwOuat9G/7+rcKUM/n195ICDwPbub89mJK+vy9JMjAwVP3464jFWHkhBgYGhot/sUoyMDAwMJR+/3uMC4ecz/e/z+2R+EwormJjWHkQh8YN3/7O58EhJ/nq70tlXK459vdvLy45vx9/9+IyVPgEHo1tf/+uxaWR4cffv5LoYixIbKHfDAwMH3+z8jMIFjIw/C3/hix5iYGBgWH1c/FwCPdFKzwlrPNHqPrzj2HTGYYjxxHJpIyVgUE7nIFh3gOGdddxuWyAAQCfcVM+FkfDOQAAAABJRU5ErkJggg==",
  4: "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAA2klEQVR4nGNgGLzA6AGU4SYLZTAhJN3ZoQy/bgxJFi8Y64wWN7qko+V8KEtIiwvNRt03N3mgzAN/RNEkV3w3hWn8/xdNMuTTZRiz9+9eVlTJlX+yoCyFF7+cUOX4H/6BMdv+wM2AupZdegVMRJnhCppzOM9cFIKwxP7+zYaJskCo73eDt/YxMDDoKMv/Z/iPppNBc9XXP3/+/Hnx/PefP5wwQUa4tKEyAwPDGoaF0TDTsID6P3900exEAEZGhss4Jf8jOYcJXZKD4QdOKxlevMnHLbnZCbcclQAA/k48Hcv/z+EAAAAASUVORK5CYII=",
  8: "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAABCElEQVR4nGNgGGSAEYWnzcJwEYckZ3IvC8Pl/wwMx9ac+YxmCOeOf3///oXgq5KoOs2nGDOc3MGwV/H7h2B3hcXxKBq7/v49Lgxlz/57mYGBgYEFWd7rPZQOg9BMcJn7DAyhEJbSbB6Gs2gOmvrvqQYDA4PazH///m2RRJMUPvbvPKeSx+u/fx908zKgA8HLf69/+Pf3VYMghhQDQ9rTv3//PvHF1MXgturfv3///v0rx5CRanr27+/fncUOl//+EEWTW/bi79/vi/R42aO//v1ngRBnYWBgYLgVzsBwe3eggq4hA8Oz6+jGtn389x9i5RMlJGFowEtHSDoxMDD+XzvlIxZvDA0AAGpGbA6AjVBOAAAAAElFTkSuQmCC",
};

export const sample = (digit) => HAND[digit].map((stroke) => stroke.map((point) => point.map((share) => share * SIDE)));

// Returns the examples: { digit, kind, canvas for the thumbnail, open() that gives what Drawing.show takes }.
export async function examples() {
  const mnist = await Promise.all(
    Object.entries(MNIST).map(async ([digit, base64]) => {
      const canvas = await decoded(`data:image/png;base64,${base64}`);
      return { digit: Number(digit), kind: "mnist", canvas, open: () => ({ picture: canvas }) };
    }),
  );
  const photos = [["paper", 6], ["board", 3]].map(([kind, digit]) => {
    const canvas = photo(kind, digit);
    return { digit, kind, canvas, open: () => ({ picture: canvas }) };
  });
  const hand = [5, 7, 9].map((digit) => ({
    digit, kind: "hand", canvas: thumbnail(sample(digit)), open: () => ({ strokes: sample(digit) }),
  }));
  return [hand[0], photos[0], mnist[0], hand[1], photos[1], mnist[1], hand[2], mnist[2]];
}

function thumbnail(strokes) {
  const context = sheet(160, 160, "#fff");
  context.scale(160 / SIDE, 160 / SIDE);
  context.strokeStyle = "#14171c";
  paintStrokes(context, strokes, 40);
  return context.canvas;
}

// A picture as a phone takes it: grain, shade, and a digit somewhere on lined paper or a blackboard.
function photo(kind, digit) {
  const [width, height] = [640, 480];
  const context = sheet(width, height, kind === "paper" ? "#d9d3c4" : "#2f4a3f");
  if (kind === "paper") {
    context.fillStyle = "#9db4cf";
    for (let y = 34; y < height; y += 44) context.fillRect(0, y, width, 2);
  }
  context.save();
  context.translate(kind === "paper" ? 230 : 300, kind === "paper" ? 90 : 110);
  context.rotate(kind === "paper" ? 0.12 : -0.08);
  context.scale(0.46, 0.46);
  context.strokeStyle = kind === "paper" ? "#26386e" : "#e6e8df";
  paintStrokes(context, sample(digit), kind === "paper" ? 20 : 34);
  context.restore();
  const shade = context.createLinearGradient(0, 0, width, height);
  shade.addColorStop(0, "rgb(0 0 0 / 0%)");
  shade.addColorStop(1, "rgb(0 0 0 / 42%)");
  context.fillStyle = shade;
  context.fillRect(0, 0, width, height);
  const image = context.getImageData(0, 0, width, height);
  let random = 7;
  for (let i = 0; i < image.data.length; i += 4) {
    random = (1103515245 * random + 12345) % 2 ** 31; // the same grain each time
    const grain = ((random >> 16) % 25) - 12;
    for (let c = 0; c < 3; c++) image.data[i + c] += grain;
  }
  context.putImageData(image, 0, 0);
  return context.canvas;
}

function sheet(width, height, colour) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
  return context;
}
