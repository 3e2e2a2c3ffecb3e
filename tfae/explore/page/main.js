// Puts the page together: one code, and everything that shows it.

import { classColour, drawExample, drawScores } from "./drawing.js";
import { LatentMap } from "./map.js";
import { readOwn } from "./own.js";
import { drawPlane } from "./plane.js";
import { openModel } from "./runtime.js";
import { scoreOf } from "./score.js";
import { makeSliders } from "./sliders.js";

const $ = (selector) => document.querySelector(selector);
const root = document.documentElement;

async function start() {
  const [about, examples, codes] = await Promise.all([
    fetch("/run/about.json").then((response) => response.json()),
    floats("/run/examples.f32"),
    floats("/run/codes.f32"),
  ]);
  const model = await openModel(about);
  root.dataset.kind = about.isImage ? "image" : "vector";
  root.dataset.runsIn = model.place;
  introduce(about);
  if (model.reason !== null) {
    notify(`Decoding on the local server instead of in the browser: ${model.reason}.`);
  }
  $("main").hidden = false;
  new Page(about, model, rowsOf(examples, examples.length / about.scores.length),
    rowsOf(codes, about.dimensions.length));
}

class Page {
  #example = null; // {x, code, label, score}: what the card of that name shows
  #pending = null; // the code to decode next
  #decoding = false;
  #decoded = null;
  #planeVersion = 0;
  #planeTimer = null;
  #file = null;

  constructor(about, model, examples, codes) {
    Object.assign(this, { about, model, examples, codes });
    const ranges = [];
    for (const dimension of about.dimensions) ranges[dimension.index] = dimension;
    this.map = new LatentMap($("#map > canvas"), {
      codes,
      ranges,
      count: about.scores.length,
      labels: about.labels,
      onMove: (code) => this.moveTo(code),
      onPick: (i) => this.pick(i),
      onHover: (i, x, y) => this.#hover(i, x, y),
    });
    if (ranges.length > 2) this.map.axes = about.dimensions.slice(0, 2).map(({ index }) => index);
    this.setSliders = makeSliders($("#sliders"), about, (d, value) => {
      const code = Float32Array.from(this.map.point);
      code[d] = value;
      this.moveTo(code);
    });
    this.#makeAxes();
    this.#makeLegend();
    this.#listen();
    this.pick(0);
  }

  /** Moves the point, and decodes it as soon as the one before is done. */
  moveTo(code) {
    const planeChanges = !this.#onPlane(code, this.map.point);
    this.map.point = code;
    this.map.draw();
    this.setSliders(code);
    if (planeChanges) this.redrawPlane();
    this.#pending = code;
    this.#decode();
  }

  /** Takes a held-out example as the one shown, and moves the point to its code. */
  pick(i) {
    this.map.picked = this.map.axes[1] === null ? i : null;
    const label = this.about.labels ? this.about.labels[i] : null;
    const example = { x: this.examples(i), label, score: this.about.scores[i] };
    this.#show({ ...example, title: `Example ${i + 1}` }).catch(failed);
  }

  async useFile(file) {
    this.#file = file;
    try {
      const x = await readOwn(file, this.about, $("#invert").checked);
      notify(null);
      await this.#show({ x, label: null, score: null, title: file.name, own: true });
    } catch (error) {
      notify(error.message);
    }
  }

  async #show(example) {
    this.#example = example;
    const encoding = await this.model.encode(example.x);
    const reconstruction = await this.model.decode(encoding.code);
    if (this.#example !== example) return; // another came meanwhile
    Object.assign(example, {
      encoding,
      reconstruction,
      parts: scoreOf(this.about.likelihood, example.x, reconstruction, encoding),
    });
    example.score ??= example.parts && example.parts.total;
    if (example.own) this.map.own = encoding.code;
    this.moveTo(Float32Array.from(encoding.code));
    this.#drawExampleCard();
  }

  #drawExampleCard() {
    const { about } = this;
    const { x, reconstruction, label, score, parts, title, own } = this.#example;
    $("#example-title").textContent = title;
    $("#invert-label").hidden = !(own && about.isImage);
    drawExample($("#original"), x, about);
    drawExample($("#reconstruction"), reconstruction, about);
    const facts = [];
    if (label !== null) facts.push(["class", className(about, label)]);
    if (score !== null) facts.push(["anomaly score", score.toFixed(2), "strong"]);
    if (parts && parts.kl !== null) {
      facts.push(["reconstruction", parts.reconstruction.toFixed(2)], ["KL", parts.kl.toFixed(2)]);
    }
    $("#facts").replaceChildren(...facts.flatMap(([name, text, look = ""]) => {
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, value.textContent, value.className] = [name, text, look];
      return [term, value];
    }));
    drawScores($("#scores canvas"), about.scores, score);
    const below = about.scores.filter((other) => other < score).length;
    $("#scores figcaption").textContent = score === null
      ? "Anomaly scores of the held-out examples. The page has no formula for this likelihood."
      : `More anomalous than ${(100 * below / about.scores.length).toFixed(0)} % of `
        + `${about.scores.length} held-out examples.`;
    root.dataset.example = title;
  }

  async #decode() {
    if (this.#decoding) return;
    this.#decoding = true;
    const canvas = $("#decoded");
    canvas.ariaBusy = "true";
    try {
      while (this.#pending) {
        const code = this.#pending;
        this.#pending = null;
        this.#decoded = await this.model.decode(code);
        drawExample(canvas, this.#decoded, this.about);
        $("#runtime").textContent = this.#runtimeText();
      }
    } catch (error) {
      failed(error);
    } finally {
      this.#decoding = false;
      canvas.ariaBusy = "false";
    }
  }

  #runtimeText() {
    const where = this.model.place === "browser"
      ? "in this browser · LiteRT, WebAssembly" : "on the local server · LiteRT";
    return `${where} · ${this.model.milliseconds.toPrecision(2)} ms`;
  }

  /** Draws the decoded plane anew, if it is wanted. */
  redrawPlane() {
    const version = ++this.#planeVersion;
    if (!$("#show-plane").checked) {
      this.map.plane = null;
      this.map.draw();
      return;
    }
    clearTimeout(this.#planeTimer);
    this.#planeTimer = setTimeout(() => {
      drawPlane(this.map, this.model, this.about, () => version === this.#planeVersion)
        .catch(failed);
    }, 80);
  }

  /** Whether two codes lie in one plane of the map. */
  #onPlane(a, b) {
    return a.every((value, d) => this.map.axes.includes(d) || value === b[d]);
  }

  async #hover(i, x, y) {
    const tip = $("#tip");
    this.hovered = i;
    if (i === null) {
      tip.hidden = true;
      return;
    }
    const reconstruction = await this.model.decode(this.codes(i));
    if (this.hovered !== i) return;
    const { labels, scores } = this.about;
    const name = labels ? `${className(this.about, labels[i])} · ` : "";
    tip.hidden = false;
    tip.lastElementChild.textContent = `${name}score ${scores[i].toFixed(1)}`;
    const [original, decoded] = tip.querySelectorAll("canvas");
    drawExample(original, this.examples(i), this.about);
    drawExample(decoded, reconstruction, this.about);
    const left = x + 18 + tip.offsetWidth > $("#map").clientWidth ? x - 18 - tip.offsetWidth : x + 18;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, y - tip.offsetHeight / 2)}px`;
  }

  #makeAxes() {
    const { dimensions } = this.about;
    for (const [i, select] of [$("#axis-x"), $("#axis-y")].entries()) {
      select.parentElement.hidden = dimensions.length < 3;
      select.replaceChildren(...dimensions.map(({ index }) => new Option(`z${index + 1}`, index)));
      select.value = this.map.axes[i];
      select.addEventListener("change", () => {
        const axes = [...this.map.axes];
        axes[i] = Number(select.value);
        if (axes[0] === axes[1]) axes[1 - i] = this.map.axes[i]; // the two change places
        this.map.axes = axes;
        [$("#axis-x").value, $("#axis-y").value] = axes;
        this.map.draw();
        this.redrawPlane();
      });
    }
    $("#information").textContent = dimensions.length > 1
      ? `most informative first: ${this.about.information}` : "";
    if (!this.about.isImage) $("#own-kind").textContent = "a file of numbers";
  }

  #makeLegend() {
    const { labels } = this.about;
    const classes = labels ? [...new Set(labels)].sort((a, b) => a - b) : [];
    if (classes.length > 40) return;
    $("#legend").replaceChildren(...classes.map((label) => {
      const button = document.createElement("button");
      button.type = "button";
      button.ariaPressed = "true";
      const dot = document.createElement("i");
      dot.style.background = classColour(label);
      button.append(dot, className(this.about, label));
      button.addEventListener("click", () => {
        const shows = button.ariaPressed === "true";
        button.ariaPressed = String(!shows);
        this.map.hiddenClasses[shows ? "add" : "delete"](label);
        this.map.draw();
      });
      return button;
    }));
  }

  #listen() {
    $("#show-examples").addEventListener("change", (event) => {
      this.map.showExamples = event.target.checked;
      this.map.draw();
    });
    $("#show-plane").parentElement.hidden = !this.about.isImage || this.map.axes[1] === null;
    $("#show-plane").addEventListener("change", () => this.redrawPlane());
    $("#choose").addEventListener("click", () => $("#file").click());
    $("#file").accept = this.about.isImage ? "image/*" : ".csv,.txt,text/*";
    $("#file").addEventListener("change", (event) => {
      if (event.target.files[0]) this.useFile(event.target.files[0]);
      event.target.value = ""; // so that the same file can come again
    });
    $("#invert").addEventListener("change", () => this.useFile(this.#file));
    const hint = $("#drop-here");
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      hint.classList.add("ready");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) hint.classList.remove("ready");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      hint.classList.remove("ready");
      if (event.dataTransfer.files[0]) this.useFile(event.dataTransfer.files[0]);
    });
    const redraw = () => {
      this.map.draw();
      if (!this.about.isImage && this.#decoded) drawExample($("#decoded"), this.#decoded, this.about);
      if (this.#example?.reconstruction) this.#drawExampleCard();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("resize", redraw);
  }
}

function introduce(about) {
  document.title = `${about.run} · tfae explore`;
  $("#run").textContent = about.run;
  const dimensions = about.dimensions.length;
  $("#about").textContent = `${about.model} · ${dimensions} latent dimension${dimensions > 1 ? "s" : ""}`
    + ` · ${about.data}`;
}

function className({ classNames }, label) {
  return label < 0 ? "unlabelled" : classNames?.[label] ?? String(label);
}

function notify(text) {
  $("#notice").hidden = text === null;
  $("#notice").textContent = text ?? "";
}

function failed(error) {
  notify(`Decoding failed: ${error.message}`);
}

async function floats(url) {
  return new Float32Array(await (await fetch(url)).arrayBuffer());
}

function rowsOf(values, size) {
  return (i) => values.subarray(i * size, (i + 1) * size);
}

start().catch((error) => {
  $("#runtime").textContent = "";
  notify(`The page could not start: ${error.message}`);
});
