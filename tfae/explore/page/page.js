// The page: one code, and everything that shows it.

import { classColour, className, drawExample } from "./drawing.js";
import { ExampleCard } from "./example.js";
import { latest } from "./latest.js";
import { LatentMap } from "./map.js";
import { failed } from "./notice.js";
import { drawPlane } from "./plane.js";
import { makeSliders } from "./sliders.js";
import { makeTip } from "./tip.js";

const $ = (selector) => document.querySelector(selector);

export class Page {
  #decoded = null;
  #planeVersion = 0;
  #planeTimer = null;

  constructor(about, model, { examples, codes, labelFor }) {
    Object.assign(this, { about, model, examples, labelFor });
    this.map = new LatentMap($("#map > canvas"), {
      codes,
      ranges: about.dimensions.toSorted((a, b) => a.index - b.index),
      count: about.scores.length,
      labels: about.labels,
      onMove: (code) => this.moveTo(code),
      onPick: (i) => this.pick(i),
      onHover: makeTip($("#tip"), about, model, { examples, codes, labelFor }),
    });
    if (about.dimensions.length > 2) {
      this.map.axes = about.dimensions.slice(0, 2).map(({ index }) => index);
    }
    this.setSliders = makeSliders($("#sliders"), about, (d, value) =>
      this.moveTo(this.map.point.with(d, value)));
    this.card = new ExampleCard(about, model, () => this.#chosenClass(), (code, isOwn) => {
      if (isOwn) [this.map.own, this.map.picked] = [code, null];
      this.#makeRoom(code);
      this.moveTo(code);
    });
    this.#makeAxes();
    this.#makeClasses();
    this.#makeLegend();
    this.#listen();
    this.pick(0);
  }

  /** Moves the point, and decodes it as soon as the previous decoding is done. */
  moveTo(code) {
    const before = this.map.point;
    this.map.point = code;
    this.map.draw();
    this.setSliders(code);
    const inPlane = code.every((value, d) => this.map.axes.includes(d) || value === before[d]);
    if (!inPlane) this.#redrawPlane();
    $("#decoded").ariaBusy = "true";
    this.#decode(code).catch(failed).finally(() => { $("#decoded").ariaBusy = "false"; });
  }

  /** Shows a held-out example, and moves the point to its code. */
  pick(i) {
    this.map.picked = i;
    this.#chooseClass(this.labelFor(i));
    this.card.show({
      x: this.examples(i),
      given: this.labelFor(i),
      title: `Example ${i + 1}`,
      label: this.about.labels?.[i],
      score: this.about.scores[i],
    });
  }

  #decode = latest(async (code) => {
    this.#decoded = await this.model.decode(code, this.#chosenClass());
    drawExample($("#decoded"), this.#decoded, this.about);
    const where = this.model.runsIn === "browser"
      ? "in this browser · LiteRT, WebAssembly" : "on the local server · LiteRT";
    $("#runtime").textContent = `${where} · ${this.model.milliseconds.toPrecision(2)} ms`;
  });

  /** Extends the map and the sliders to a code that lies outside of their ranges. */
  #makeRoom(code) {
    const beyond = this.map.ranges.filter(({ index, low, high }) =>
      code[index] < low || code[index] > high);
    for (const range of beyond) {
      const margin = 0.05 * (range.high - range.low);
      range.low = Math.min(range.low, code[range.index] - margin);
      range.high = Math.max(range.high, code[range.index] + margin);
    }
    if (beyond.length) this.#redrawPlane();
  }

  /** Decodes the plane again, if it is shown, once the code has not moved for a moment. */
  #redrawPlane() {
    const version = ++this.#planeVersion;
    clearTimeout(this.#planeTimer);
    if (!$("#show-plane").checked) {
      this.map.plane = null;
      this.map.draw();
      return;
    }
    const isWanted = () => version === this.#planeVersion;
    this.#planeTimer = setTimeout(() => {
      drawPlane(this.map, this.model, this.about, this.#chosenClass(), isWanted).catch(failed);
    }, 80);
  }

  #makeAxes() {
    const { dimensions, information } = this.about;
    const selects = [$("#axis-x"), $("#axis-y")];
    for (const [i, select] of selects.entries()) {
      select.parentElement.hidden = dimensions.length < 3;
      select.replaceChildren(...dimensions.map(({ index }) => new Option(`z${index + 1}`, index)));
      select.value = this.map.axes[i];
      select.addEventListener("change", () => {
        const axes = this.map.axes.with(i, Number(select.value));
        if (axes[0] === axes[1]) axes[1 - i] = this.map.axes[i]; // swaps the two
        this.map.axes = axes;
        axes.forEach((axis, j) => { selects[j].value = axis; });
        this.map.plane = null;
        this.map.draw();
        this.#redrawPlane();
      });
    }
    $("#information").textContent = dimensions.length > 1
      ? `most informative first, by ${information}` : "";
  }

  /** Returns the class passed to the decoder, -1 for unknown; null if the model takes no label. */
  #chosenClass() {
    return this.about.numClasses === null ? null : Number($("#class").value);
  }

  #chooseClass(label) {
    if (label === this.#chosenClass()) return;
    $("#class").value = label;
    this.#redrawPlane();
  }

  #makeClasses() {
    const { numClasses } = this.about;
    const select = $("#class");
    select.parentElement.hidden = numClasses === null;
    select.replaceChildren(new Option("unknown", -1), ...Array.from({ length: numClasses ?? 0 },
      (_, label) => new Option(className(this.about, label), label)));
    select.addEventListener("change", () => {
      this.moveTo(this.map.point);
      this.#redrawPlane();
      this.card.reclassify();
    });
  }

  #makeLegend() {
    const { labels } = this.about;
    const classes = [...new Set(labels ?? [])].sort((a, b) => a - b);
    if (classes.length > 40) return;
    $("#legend").replaceChildren(...classes.map((label) => {
      const [button, dot] = [document.createElement("button"), document.createElement("i")];
      button.type = "button";
      button.ariaPressed = "true";
      dot.style.background = classColour(label);
      button.append(dot, className(this.about, label));
      button.addEventListener("click", () => {
        const isShown = button.ariaPressed === "true";
        button.ariaPressed = String(!isShown);
        this.map.hiddenClasses[isShown ? "add" : "delete"](label);
        this.map.draw();
      });
      return button;
    }));
  }

  #listen() {
    const [showExamples, showPlane] = [$("#show-examples"), $("#show-plane")];
    showExamples.addEventListener("change", () => {
      this.map.showExamples = showExamples.checked;
      this.map.draw();
    });
    showPlane.parentElement.hidden = !this.about.isImage || this.map.axes[1] === null;
    showPlane.addEventListener("change", () => this.#redrawPlane());
    const redraw = () => {
      this.map.draw();
      this.card.draw();
      if (this.#decoded) drawExample($("#decoded"), this.#decoded, this.about);
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("resize", redraw);
  }
}
