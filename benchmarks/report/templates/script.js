"use strict";

const LONG = 12; // rows above which a table is searched rather than read

const keyOf = (cell) => cell.dataset.key === undefined ? cell.textContent.trim() : Number(cell.dataset.key);

function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // numbers before words
  return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const descending = heads[column].getAttribute("aria-sort") === "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [keyOf(row.cells[column]), row]);
  rows.sort(([a], [b]) => (descending && typeof a === typeof b ? -1 : 1) * compare(a, b));
  body.append(...rows.map(([, row]) => row));
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, column));
    head.append(button);
  });
}

function labelled(text, control) {
  const label = document.createElement("label");
  label.append(`${text} `, control);
  return label;
}

function chooser(table, column) {
  const select = document.createElement("select");
  const found = [...table.tBodies[0].rows].map((row) => row.cells[column].textContent.trim());
  for (const value of ["", ...new Set(found)]) select.add(new Option(value || "all", value));
  return { column, select };
}

function makeFilters(table) {
  const text = document.createElement("input");
  text.type = "search";
  const heads = [...table.tHead.rows[0].cells];
  const choosers = heads.flatMap((head, column) => "choose" in head.dataset ? [chooser(table, column)] : []);
  const count = document.createElement("output");
  const apply = () => {
    const wanted = text.value.toLowerCase();
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted) || choosers.some(
        ({ column, select }) => select.value && row.cells[column].textContent.trim() !== select.value);
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
  };
  const bar = document.createElement("div");
  bar.className = "filters";
  bar.append(labelled("Find", text));
  for (const { column, select } of choosers) bar.append(labelled(heads[column].textContent, select));
  bar.append(count);
  bar.addEventListener("input", apply);
  table.closest(".scroll").before(bar);
  apply();
}

function enlarge(button) {
  const dialog = document.getElementById("large");
  const picture = button.querySelector("img").cloneNode();
  const factor = picture.classList.contains("pixels") ? 4 : 2;
  picture.width *= factor;
  picture.height *= factor;
  dialog.querySelector(".scroll").replaceChildren(picture);
  dialog.showModal();
}

function sweep(found) {
  const line = document.createElement("p");
  const bar = document.createElement("progress");
  const name = document.createElement("strong");
  name.textContent = `${found.artefact}, ${found.scale} scale`;
  bar.max = found.runs;
  bar.value = found.settled;
  bar.setAttribute("aria-label", name.textContent);
  line.append(name, ` ${found.states} `, bar);
  if (found.running.length) line.append(` at ${found.running.join("; ")}`);
  return line;
}

async function ask(state) {
  const said = "Nothing is running. Load the page again to see what has been finished.";
  try {
    const answer = await fetch("live.json");
    if (!answer.ok) throw new Error(await answer.text());
    const text = await answer.text();
    if (text === state.dataset.last) return; // or it would be read out again and again
    state.dataset.last = text;
    const sweeps = JSON.parse(text);
    state.replaceChildren(...(sweeps.length ? sweeps.map(sweep) : [said]));
  } catch (error) {
    state.replaceChildren(`No answer: ${error.message}`);
  } finally {
    setTimeout(ask, 5000, state);
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  if (table.tBodies[0].rows.length > LONG) makeFilters(table);
  makeSortable(table);
}
document.querySelectorAll(".zoom").forEach((button) => button.addEventListener("click", () => enlarge(button)));

let folded = [];
let filtered = [];
addEventListener("beforeprint", () => { // paper has no controls: everything is on it
  folded = [...document.querySelectorAll("main details:not([open])")];
  filtered = [...document.querySelectorAll("tr[hidden]")];
  for (const each of folded) each.open = true;
  for (const row of filtered) row.hidden = false;
});
addEventListener("afterprint", () => {
  for (const each of folded) each.open = false;
  for (const row of filtered) row.hidden = true;
});
const state = document.getElementById("state");
if (state) ask(state);
