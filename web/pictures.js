// Paints the small pictures: what was sent, and the net's input and attribution map of 28 by 28 pixels.

const GROUND = [22, 25, 29];
const LIGHT = [245, 246, 248];
const NEUTRAL = [134, 139, 147];
const FOR = [255, 154, 46]; // orange and blue are told apart by colour-blind people too
const AGAINST = [64, 140, 255];

const css = (colour) => `rgb(${colour.join(" ")})`;
export const SCALE = `linear-gradient(90deg, ${css(AGAINST)}, ${css(NEUTRAL)}, ${css(FOR)})`;

export function paintSeen(canvas, pixels) {
  paint(canvas, (row, column) => mix(GROUND, LIGHT, pixels[row][column] / 255));
}

// Brightness shows the digit, colour the attribution. Black pixels have none.
export function paintReasons(canvas, pixels, attribution) {
  const largest = Math.max(...attribution.flat().map(Math.abs)) || 1;
  paint(canvas, (row, column) => {
    const share = attribution[row][column] / largest;
    const colour = mix(NEUTRAL, share > 0 ? FOR : AGAINST, Math.abs(share) ** 0.6);
    return mix(GROUND, colour, (pixels[row][column] / 255) ** 0.7);
  });
}

// Paints a picture, or a box [x, y, width, height] of it, as large as the canvas allows and in its middle.
export function paintPicture(canvas, picture, [x, y, width, height] = [0, 0, picture.width, picture.height]) {
  const context = canvas.getContext("2d");
  const scale = canvas.width / Math.max(width, height);
  const [w, h] = [width * scale, height * scale];
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = scale < 2;
  context.drawImage(picture, x, y, width, height, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
}

export function clear(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function paint(canvas, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < canvas.width * canvas.height; i++) {
    image.data.set([...colour(Math.floor(i / canvas.width), i % canvas.width), 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

const mix = (from, to, share) => from.map((value, i) => Math.round(value + (to[i] - value) * share));
