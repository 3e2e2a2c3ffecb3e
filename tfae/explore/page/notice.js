// The line at the top of the page that says what went wrong.

/** Shows a text, or hides the line for null. */
export function notify(text) {
  const notice = document.querySelector("#notice");
  notice.hidden = text === null;
  notice.textContent = text ?? "";
}

/** Shows why the model did not run. */
export function failed(error) {
  notify(`The model did not run: ${error.message}`);
}
