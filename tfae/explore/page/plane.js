// The decoded plane: a grid of codes, decoded and shown behind the map.

import { drawExample } from "./drawing.js";

const CODES = 400; // approximately; their tiles have the shape of the data
const LARGEST_TILE = 96; // pixels

/**
 * Decodes a grid of codes into one picture, which `map.plane` shows as it grows.
 *
 * `label` is the label of all codes, as the model takes it. isWanted() is called before each decoding,
 * and says whether the picture is still needed.
 */
export async function drawPlane(map, model, about, label, isWanted) {
  const [tall, wide] = about.shape.map((size) => Math.min(size, LARGEST_TILE));
  const { clientWidth: width, clientHeight: height } = map.canvas;
  const columns = Math.max(2, Math.round(Math.sqrt(CODES * (width / height) * (tall / wide))));
  const rows = Math.max(2, Math.round(CODES / columns));
  const tile = document.createElement("canvas");
  const picture = new OffscreenCanvas(columns * wide, rows * tall);
  const context = picture.getContext("2d");
  if (map.plane) context.drawImage(map.plane, 0, 0, picture.width, picture.height); // until then
  let shown = performance.now();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!isWanted()) return;
      const x = (column + 0.5) * width / columns;
      const code = map.codeAt(x, (row + 0.5) * height / rows);
      drawExample(tile, await model.decode(code, label), about);
      context.drawImage(tile, column * wide, row * tall, wide, tall);
    }
    if (performance.now() - shown < 60 && row < rows - 1) continue;
    map.plane = picture;
    map.draw();
    await new Promise(requestAnimationFrame); // lets the page draw and respond to the visitor
    shown = performance.now();
  }
}
