// The map of codes: a plane of two latent dimensions, its examples, and the point that moves.

import { classColour, colour, fitted } from "./drawing.js";

const NEAR = 9; // pixels from an example at which the pointer still selects it
const STILL = 4; // pixels that the pointer may move before a press becomes a drag
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * Draws on a canvas and listens to its pointer and keys.
 *
 * `ranges[i]` is {low, high} of latent dimension i, `codes(i)` the code of example i, and `labels` the
 * examples' classes or null. The owner sets `point`, `axes`, `own`, `picked`, `plane` and `showExamples`,
 * and then calls `draw`. The map calls onMove(code), onPick(example) and onHover(example or null, x, y).
 */
export class LatentMap {
  constructor(canvas, { codes, count, labels, ranges, onMove, onPick, onHover }) {
    Object.assign(this, { canvas, codes, count, labels, ranges, onMove, onPick, onHover });
    this.axes = [0, ranges.length > 1 ? 1 : null]; // null: the height of examples means nothing
    this.point = new Float32Array(ranges.length);
    this.own = null;
    this.picked = null;
    this.plane = null;
    this.showExamples = true;
    this.hiddenClasses = new Set();
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    if (!width) return;
    if (this.plane) {
      context.imageSmoothingEnabled = false;
      context.drawImage(this.plane, 0, 0, width, height);
    } else {
      this.#drawGrid(context, width, height);
    }
    if (this.showExamples) this.#drawExamples(context);
    if (this.own) this.#drawDiamond(context, this.#position(this.own));
    this.#drawPoint(context, width, height);
  }

  /** Returns the code at a position on the canvas; other dimensions are those of the point. */
  codeAt(x, y) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const code = Float32Array.from(this.point);
    const [across, up] = this.axes;
    const along = ({ low, high }, part) => low + (high - low) * Math.min(Math.max(part, 0), 1);
    code[across] = along(this.ranges[across], x / width);
    if (up !== null) code[up] = along(this.ranges[up], 1 - y / height);
    return code;
  }

  #position(code, i = null) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const [across, up] = this.axes;
    const part = (d) => (code[d] - this.ranges[d].low) / (this.ranges[d].high - this.ranges[d].low);
    // With only one dimension, examples are spread out vertically by the golden ratio.
    const rise = up !== null ? part(up) : i === null ? 0.5 : 0.1 + 0.8 * ((i * 0.618034) % 1);
    return [width * part(across), height * (1 - rise)];
  }

  #isShown(i) {
    return this.showExamples && !(this.labels && this.hiddenClasses.has(this.labels[i]));
  }

  #nearest(x, y, within) {
    let [best, least] = [null, within ** 2];
    for (let i = 0; i < this.count; i++) {
      if (!this.#isShown(i)) continue;
      const [left, top] = this.#position(this.codes(i), i);
      const distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  #drawGrid(context, width, height) {
    const [across, up] = this.axes;
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colour("quiet");
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    for (const value of ticks(this.ranges[across])) {
      const { low, high } = this.ranges[across];
      const x = Math.round(width * (value - low) / (high - low)) + 0.5;
      line(context, x, 0, x, height);
      if (x > 20 && x < width - 60) context.fillText(value, x + 4, height - 6);
    }
    context.fillText(`z${across + 1} →`, width - 30, height - 6);
    if (up === null) return;
    for (const value of ticks(this.ranges[up])) {
      const { low, high } = this.ranges[up];
      const y = Math.round(height * (1 - (value - low) / (high - low))) + 0.5;
      if (y > height - 20) continue; // the numbers of the other axis are there
      line(context, 0, y, width, y);
      if (y > 40) context.fillText(value, 6, y - 4);
    }
    context.fillText(`↑ z${up + 1}`, 6, 15);
  }

  #drawExamples(context) {
    const radius = this.count > 1200 ? 2.6 : 3.4;
    context.globalAlpha = this.plane ? 0.9 : 0.75;
    for (let i = 0; i < this.count; i++) {
      if (!this.#isShown(i)) continue;
      context.fillStyle = this.labels ? classColour(this.labels[i]) : colour("accent");
      context.beginPath();
      context.arc(...this.#position(this.codes(i), i), radius, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #drawDiamond(context, [x, y]) {
    context.save();
    context.translate(x, y);
    context.rotate(Math.PI / 4);
    outlined(context, () => context.rect(-6, -6, 12, 12));
    context.restore();
  }

  #drawPoint(context, width, height) {
    const [x, y] = this.#position(this.point, this.picked); // in one dimension, as high as the example
    context.strokeStyle = this.plane ? "#fff" : colour("accent");
    context.globalAlpha = 0.45;
    context.lineWidth = 1;
    line(context, x, 0, x, height);
    if (this.axes[1] !== null) line(context, 0, y, width, y);
    context.globalAlpha = 1;
    outlined(context, () => context.arc(x, y, 8, 0, 7));
  }

  #listen() {
    const { canvas } = this;
    let pressed = null;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left - canvas.clientLeft, event.clientY - box.top - canvas.clientTop];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      pressed = at(event);
      this.onHover(null);
      this.onMove(this.codeAt(...pressed));
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (!pressed) {
        this.onHover(this.#nearest(x, y, NEAR), x, y);
      } else if (Math.hypot(x - pressed[0], y - pressed[1]) > STILL || pressed.moved) {
        pressed.moved = true;
        this.onMove(this.codeAt(x, y));
      }
    });
    canvas.addEventListener("pointerup", (event) => {
      const example = pressed && !pressed.moved ? this.#nearest(...at(event), NEAR) : null;
      pressed = null;
      if (example !== null) this.onPick(example);
    });
    canvas.addEventListener("pointercancel", () => { pressed = null; });
    canvas.addEventListener("pointerleave", () => this.onHover(null));
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (step) {
      const code = Float32Array.from(this.point);
      this.axes.forEach((d, i) => {
        if (d === null) return;
        const { low, high } = this.ranges[d];
        const moved = code[d] + step[i] * (high - low) * (event.shiftKey ? 0.1 : 0.01);
        code[d] = Math.min(Math.max(moved, low), high);
      });
      this.onMove(code);
    } else if (event.key === "Enter") {
      const example = this.#nearest(...this.#position(this.point), Infinity);
      if (example !== null) this.onPick(example);
    } else if (event.key === "Home") {
      this.onMove(this.point.map((_, d) =>
        this.axes.includes(d) ? Math.min(Math.max(0, this.ranges[d].low), this.ranges[d].high)
          : this.point[d]));
    } else {
      return;
    }
    event.preventDefault();
  }
}

function ticks({ low, high }) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(Number((i * step).toPrecision(6)));
  return found;
}

function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

/** Fills a shape in the accent colour, with an outline that is visible on any background. */
function outlined(context, shape) {
  context.beginPath();
  shape();
  context.lineWidth = 5;
  context.strokeStyle = colour("card");
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = colour("text");
  context.stroke();
  context.fillStyle = colour("accent");
  context.fill();
}
