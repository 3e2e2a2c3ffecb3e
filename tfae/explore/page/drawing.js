// Examples on canvases: images as they are, everything else as bars or a line.

const MOST_BARS = 40;

/** Returns the value of a CSS custom property, for use on canvases. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Returns the colour of a class; colours are distinct on a light and on a dark background. */
export function classColour(label) {
  const palette = ["#4269d0", "#efb118", "#ff725c", "#3ca951", "#a463f2",
    "#6cc5b0", "#ff8ab7", "#9c6b4e", "#97bbf5", "#9498a0"];
  if (label < 0) return "#9498a0";
  return palette[label] ?? `hsl(${(label * 137.5) % 360} 60% 55%)`;
}

/** Returns the name of a class. */
export function className({ classNames }, label) {
  return label < 0 ? "unlabelled" : classNames?.[label] ?? String(label);
}

/** Fits a canvas to the pixels of the screen; returns its context, which draws in CSS pixels. */
export function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/** Returns the name of a table's column. */
export function columnName({ columnNames }, i) {
  return columnNames?.[i] ?? `column ${i + 1}`;
}

/** Draws one example on a canvas; for an image, the canvas gets the size of the image. */
export function drawExample(canvas, values, about) {
  if (!about.isImage) {
    drawPlot(canvas, values, about.range);
    return;
  }
  const { shape: [height, width, channels], range: [low, high] } = about;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let j = 0; j < 3; j++) {
      const value = values[i * channels + (channels === 3 ? j : 0)];
      image.data[4 * i + j] = 255 * (value - low) / (high - low); // rounds and clamps
    }
    image.data[4 * i + 3] = 255;
  }
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function drawPlot(canvas, values, [low, high]) {
  const { context, width, height } = fitted(canvas);
  const n = values.length;
  const y = (value) => 6 + (height - 12) * (1 - (value - low) / (high - low));
  const zero = y(Math.min(Math.max(0, low), high));
  context.fillStyle = context.strokeStyle = colour("line");
  context.fillRect(0, zero, width, 1);
  context.fillStyle = context.strokeStyle = colour("accent");
  if (n <= MOST_BARS) {
    const step = width / n;
    values.forEach((value, i) => {
      const top = Math.min(y(value), zero);
      context.fillRect(i * step + 0.12 * step, top, 0.76 * step, Math.max(1, Math.abs(y(value) - zero)));
    });
    return;
  }
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  values.forEach((value, i) => context.lineTo((i + 0.5) * width / n, y(value)));
  context.stroke();
}

/** Draws a histogram of the held-out scores, with a mark at one score and at the threshold. */
export function drawScores(canvas, { scores, threshold }, score) {
  const { context, width, height } = fitted(canvas);
  const sorted = Float64Array.from(scores).sort();
  const low = sorted[0];
  // A few outliers must not squeeze all other examples into one bin.
  const typical = Math.max(sorted[Math.floor(0.995 * (sorted.length - 1))], low + 1e-9);
  const high = Math.max(typical, Math.min(score ?? low, 2 * typical - low));
  const bins = Math.min(48, Math.max(8, Math.round(1.5 * Math.sqrt(sorted.length))));
  const counts = new Array(bins).fill(0);
  for (const value of sorted) {
    const bin = Math.floor(bins * (value - low) / (high - low));
    if (value <= high) counts[Math.min(bin, bins - 1)]++;
  }
  const base = height - 8;
  const most = Math.max(...counts);
  context.fillStyle = colour("bar");
  counts.forEach((count, i) => {
    const tall = (base - 4) * count / most;
    context.fillRect(i * width / bins, base - tall, width / bins - 1, tall);
  });
  context.fillRect(0, base, width, 1);
  const across = (value) => 5 + (width - 10) * Math.min(Math.max((value - low) / (high - low), 0), 1);
  if (threshold !== null) {
    context.fillStyle = colour("text");
    context.fillRect(across(threshold), 2, 1, base - 2);
  }
  if (score === undefined) return;
  const x = across(score);
  context.fillStyle = colour("accent");
  context.fillRect(x - 1, 2, 2, base - 2);
  context.beginPath();
  context.moveTo(x, base);
  context.lineTo(x - 5, height);
  context.lineTo(x + 5, height);
  context.fill();
}
