// The card that shows one example: a held-out one, or a file of the visitor's own.

import { className, columnName, drawExample, drawScores } from "./drawing.js";
import { failed, notify } from "./notice.js";
import { readOwn } from "./own.js";
import { scoreOf } from "./score.js";

const MOST_VALUES = 200;

const $ = (selector) => document.querySelector(selector);

/** Encodes and reconstructs the example that it shows, then calls onShown(code, isOwn). */
export class ExampleCard {
  #shown = null; // what `show` takes, and once the model has run {reconstruction, parts}
  #file = null;

  constructor(about, model, chosenClass, onShown) {
    Object.assign(this, { about, model, chosenClass, onShown });
    this.#listen();
  }

  /**
   * Shows {x, title, given, label, score, isOwn}: `given` is the label passed to the model with x,
   * `label` the class that is displayed, `score` the anomaly score if it is already known.
   */
  async show(example) {
    this.#shown = example;
    try {
      const encoding = await this.model.encode(example.x, example.given);
      const reconstruction = await this.model.decode(encoding.code, example.given);
      if (this.#shown !== example) return; // another example was chosen in the meantime
      const parts = scoreOf(this.about.score, example.x, reconstruction, encoding);
      Object.assign(example, { reconstruction, parts });
      example.score ??= parts?.total;
      this.onShown(encoding.code, Boolean(example.isOwn));
      this.draw();
    } catch (error) {
      failed(error);
    }
  }

  /** Shows the visitor's own example again, with the class that is chosen now. */
  reclassify() {
    const { x, title, isOwn } = this.#shown ?? {};
    if (isOwn) this.show({ x, title, isOwn, given: this.chosenClass() });
  }

  draw() {
    if (!this.#shown?.reconstruction) return;
    const { x, title, reconstruction, score, isOwn } = this.#shown;
    $("#example-title").textContent = title;
    $("#invert-label").hidden = !(isOwn && this.about.isImage);
    drawExample($("#original"), x, this.about);
    drawExample($("#reconstruction"), reconstruction, this.about);
    $("#facts").replaceChildren(...this.#facts().flatMap(([name, text, look = ""]) => {
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, value.textContent, value.className] = [name, text, look];
      return [term, value];
    }));
    if (!this.about.isImage) this.#drawValues(x, reconstruction);
    drawScores($("#scores canvas"), this.about, score);
    $("#scores figcaption").textContent = this.#rank();
    document.documentElement.dataset.example = title;
  }

  #facts() {
    const { label, score, parts } = this.#shown;
    const facts = [];
    if (label !== undefined) facts.push(["class", className(this.about, label)]);
    if (score !== undefined) facts.push(["anomaly score", score.toFixed(2), "strong"]);
    if (parts && parts.kl !== null) {
      facts.push(["reconstruction", parts.reconstruction.toFixed(2)], ["KL", parts.kl.toFixed(2)]);
    }
    return facts;
  }

  /** Fills the table of values, with the largest differences first. */
  #drawValues(x, reconstruction) {
    $("#values").hidden = false;
    const difference = (i) => Math.abs(x[i] - reconstruction[i]);
    const columns = Array.from(x, (_, i) => i).sort((a, b) => difference(b) - difference(a));
    $("#values tbody").replaceChildren(...columns.slice(0, MOST_VALUES).map((i) => {
      const row = document.createElement("tr");
      const texts = [columnName(this.about, i), ...[x, reconstruction].map((of) => of[i].toPrecision(4))];
      row.append(...texts.map((text, j) =>
        Object.assign(document.createElement(j ? "td" : "th"), { textContent: text })));
      return row;
    }));
  }

  #rank() {
    const { scores, threshold } = this.about;
    const { score } = this.#shown;
    if (score === undefined) {
      return "Anomaly scores of held-out examples. The page cannot compute this model's score.";
    }
    const below = scores.filter((other) => other < score).length / scores.length;
    const isNormal = score <= threshold; // false for NaN
    const decision = threshold === null ? ""
      : ` ${isNormal ? "Not above" : "Above"} the threshold of ${threshold.toFixed(2)}.`;
    return `More anomalous than ${(100 * below).toFixed(0)} % of ${scores.length} held-out`
      + ` examples.${decision}`;
  }

  async #useFile(file) {
    this.#file = file;
    try {
      const x = await readOwn(file, this.about, $("#invert").checked);
      notify(null);
      await this.show({ x, title: file.name, isOwn: true, given: this.chosenClass() });
    } catch (error) {
      notify(error.message);
    }
  }

  #listen() {
    const input = $("#file");
    input.accept = this.about.isImage ? "image/*" : ".csv,.txt,text/*";
    $("#choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files[0]) this.#useFile(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
    $("#invert").addEventListener("change", () => this.#useFile(this.#file));
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
      const [file] = event.dataTransfer.files;
      if (file) this.#useFile(file);
    });
  }
}
