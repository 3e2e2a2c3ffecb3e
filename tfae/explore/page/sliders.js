// One slider for each latent dimension, the most informative first.

/** Fills a box with sliders that call onChange(dimension, value); returns a function to set all. */
export function makeSliders(box, { dimensions, information }, onChange) {
  const most = Math.max(...dimensions.map((dimension) => dimension.information), 1e-12);
  const rows = dimensions.map((dimension) => {
    const { index } = dimension;
    const row = document.createElement("div");
    row.className = "slider";
    row.innerHTML = '<label>z<sub></sub></label><input type="range" step="any"><output></output>'
      + '<meter min="0" max="1"></meter>';
    const [label, input, output, meter] = row.children;
    label.htmlFor = input.id = output.htmlFor = `z${index}`;
    label.lastChild.textContent = index + 1;
    output.ariaLive = "off"; // or a screen reader would speak every step of a drag
    input.addEventListener("input", () => onChange(index, input.valueAsNumber));
    input.addEventListener("keydown", (event) => nudge(event, input, dimension.high - dimension.low));
    meter.value = Math.max(dimension.information, 0) / most;
    meter.title = `${information}: ${dimension.information.toPrecision(3)}`;
    meter.ariaLabel = meter.title;
    return { row, dimension, input, output };
  });
  box.replaceChildren(...rows.map(({ row }) => row));
  return (code) => {
    for (const { dimension: { index, low, high }, input, output } of rows) {
      Object.assign(input, { min: low, max: high, value: code[index] });
      output.textContent = code[index].toFixed(3);
    }
  };
}

/** Moves a slider by its arrow keys, since a slider without steps does not move evenly. */
function nudge(event, input, range) {
  const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
  if (!sign) return;
  event.preventDefault();
  input.value = input.valueAsNumber + sign * range * (event.shiftKey ? 0.1 : 0.01);
  input.dispatchEvent(new Event("input"));
}
