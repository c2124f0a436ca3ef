// Pictures as canvases: files are read upright, opaque, their longer side at most 1000 pixels; copies, and a plain resize.

const LONGEST_PX = 1000; // the server downscales larger images to this
const MOSTLY_OPAQUE = 0.75;

// Throws where the browser cannot read the file.
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  context.fillStyle = ground(context.getImageData(0, 0, canvas.width, canvas.height).data);
  context.globalCompositeOperation = "destination-over";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

// Chooses the background of a transparent picture: white behind dark strokes, black behind light ones, and the mean
// colour behind the holes of a mostly opaque picture. The server chooses in the same way.
function ground(rgba) {
  const sum = [0, 0, 0];
  let alpha = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    alpha += rgba[i + 3];
    for (let c = 0; c < 3; c++) sum[c] += rgba[i + c] * rgba[i + 3];
  }
  const mean = sum.map((value) => value / Math.max(alpha, 1));
  if (alpha > (MOSTLY_OPAQUE * 255 * rgba.length) / 4) return `rgb(${mean.map(Math.round).join(" ")})`;
  return 0.299 * mean[0] + 0.587 * mean[1] + 0.114 * mean[2] > 127.5 ? "#000" : "#fff";
}

// Resizes a picture to 28 by 28 as is often done: in grey, by mean, light on dark. Returns 28 rows of 28 numbers.
export function resized(picture) {
  const side = 28;
  const isSmall = picture.width < side || picture.height < side;
  const [width, height] = isSmall ? [side, side] : [picture.width, picture.height];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const sums = Array.from({ length: side }, () => Array(side).fill(0));
  const counts = Array.from({ length: side }, () => Array(side).fill(0));
  let border = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      const grey = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
      const [row, column] = [Math.floor((y * side) / height), Math.floor((x * side) / width)];
      sums[row][column] += grey;
      counts[row][column]++;
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) border += grey;
    }
  }
  const isLight = border > 127.5 * 2 * (width + height - 2);
  const grey = sums.map((row, y) => row.map((sum, x) => Math.round(sum / counts[y][x])));
  return isLight ? grey.map((row) => row.map((value) => 255 - value)) : grey;
}

// Returns a copy of a picture, a canvas of this size.
export function drawn(picture, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(Math.round(width), 1), Math.max(Math.round(height), 1)];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// Returns the picture at a data URL as a canvas; null for null.
export async function decoded(address) {
  if (!address) return null;
  const image = new Image();
  image.src = address;
  await image.decode();
  return drawn(image, image.naturalWidth, image.naturalHeight);
}
