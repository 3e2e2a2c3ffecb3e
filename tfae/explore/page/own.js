// Reads an example of the visitor's own from a file.

import { columnName } from "./drawing.js";

/** Reads a file as one example; throws an Error that says what is wrong with it. */
export async function readOwn(file, about, invert) {
  return about.isImage ? readImage(file, about, invert) : readNumbers(file, about);
}

/** Crops and resizes an image to the model's size; black to white becomes the data's range. */
async function readImage(file, { shape: [height, width, channels], range: [low, high] }, invert) {
  let small;
  try {
    const asTaken = { colorSpaceConversion: "none", imageOrientation: "from-image" }; // by EXIF
    const image = await createImageBitmap(file, asTaken);
    const zoom = Math.max(width / image.width, height / image.height);
    const [wide, tall] = [Math.round(width / zoom), Math.round(height / zoom)];
    const [left, top] = [(image.width - wide) >> 1, (image.height - tall) >> 1];
    const resize = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" };
    small = await createImageBitmap(image, left, top, wide, tall, resize);
  } catch {
    throw new Error(`${file.name} is not an image that this browser reads.`);
  }
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "white"; // behind transparent parts
  context.fillRect(0, 0, width, height);
  context.drawImage(small, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
    const colours = channels === 3
      ? [red, green, blue]
      : [red === green && green === blue ? red : 0.299 * red + 0.587 * green + 0.114 * blue];
    colours.forEach((value, j) => {
      const part = (invert ? 255 - value : value) / 255;
      values[i * channels + j] = low + (high - low) * part;
    });
  }
  return values;
}

/** Reads the numbers of one example; a first line of column names is skipped. */
async function readNumbers(file, { shape, support, columnNames }) {
  const wanted = shape.reduce((a, b) => a * b, 1);
  const lines = (await file.text()).trim().split(/\r?\n/);
  const isHeader = lines.length > 1 && lines[0].split(/[,;\t]/).every((name) => isNaN(Number(name)));
  const numbers = lines.slice(isHeader ? 1 : 0).join(" ").trim().split(/[\s,;]+/).map(Number);
  if (numbers.length !== wanted || !numbers.every(Number.isFinite)) {
    throw new Error(`${file.name} must hold ${wanted} numbers, separated by commas or spaces.`);
  }
  const outside = numbers.findIndex((value, i) =>
    support !== null && !(support.low[i] <= value && value <= support.high[i]));
  if (outside >= 0) {
    const [low, high] = [support.low[outside], support.high[outside]];
    throw new Error(`${file.name} holds ${numbers[outside]} for `
      + `${columnName({ columnNames }, outside)}, which must lie from ${low} to ${high}: no data of `
      + "this model, so an anomaly.");
  }
  return Float32Array.from(numbers);
}
