// Sorts and saves tables, draws figures in the page's own colours. Nothing is loaded from anywhere and nothing sent.
"use strict";

const NUMBER_ORDER = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const readCell = (cell) => cell.dataset.value ?? cell.textContent.trim();

function compareValues(a, b, isNumber) {
  return isNumber ? Number(a) - Number(b) : NUMBER_ORDER.compare(a, b);
}

// Missing values stay last in both directions: they are neither small nor large.
function sortTable(table, place, isDescending) {
  const isNumber = table.tHead.rows[0].cells[place].classList.contains("number");
  const rows = Array.from(table.tBodies[0].rows, (row) => [readCell(row.cells[place]), row]);
  rows.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return compareValues(a, b, isNumber) * (isDescending ? -1 : 1);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      sortTable(table, place, order === "descending");
    });
  });
}

// A leading quote keeps a spreadsheet from running a text as a formula.
function quoteField(text) {
  const isFormula = /^[=+@\t\r-]/.test(text) && Number.isNaN(Number(text));
  return `"${(isFormula ? "'" + text : text).replaceAll('"', '""')}"`;
}

function writeCsv(table) {
  const lines = Array.from(table.rows, (row) => {
    const isHead = row.parentNode === table.tHead;
    return Array.from(row.cells, (cell) => quoteField(isHead ? cell.textContent.trim() : readCell(cell))).join(",");
  });
  return "\ufeff" + lines.join("\r\n") + "\r\n";
}

function makeSavable(table) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "save";
  button.textContent = "Save as CSV";
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([writeCsv(table)], { type: "text/csv" }));
    link.download = `${table.dataset.name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  table.caption.append(button);
}

// Figures come without colours for text and grid; they take those of the page, which follow the reader's setting.
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return { text: read("--text"), line: read("--line"), soft: read("--soft"), surface: read("--surface") };
}

function tintFigure(figure) {
  const { text, line, soft, surface } = readColours();
  const annotations = (figure.layout.annotations ?? []).map((note) => ({ ...note, bgcolor: surface }));
  const layout = { ...figure.layout, annotations, font: { ...figure.layout.font, color: text } };
  for (const name of ["xaxis", "yaxis"]) {
    layout[name] = { ...layout[name], gridcolor: line, zerolinecolor: soft };
  }
  // Plotly puts a halo in the paper's colour around the names in streams.
  if (figure.data.some((trace) => trace.type === "sankey")) layout.paper_bgcolor = surface;
  const data = figure.data.map((trace) =>
    ["heatmap", "icicle"].includes(trace.type) ? { ...trace, textfont: { ...trace.textfont, color: text } } : trace);
  return { data, layout };
}

const FIGURES = [];

function drawFigure({ plot, figure }) {
  const { data, layout } = tintFigure(figure);
  return window.Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
}

function drawFigures() {
  for (const script of document.querySelectorAll("script[data-figure]")) {
    const plot = script.parentElement.querySelector(".plot");
    if (!window.Plotly) {
      plot.textContent = "This figure cannot be drawn: plotly.min.js is missing beside this page.";
      continue;
    }
    const entry = { plot, figure: JSON.parse(script.textContent) };
    plot.replaceChildren();
    FIGURES.push(entry);
    // Inside a closed section there is no width to draw to yet.
    const details = plot.closest("details");
    if (details && !details.open) details.addEventListener("toggle", () => drawFigure(entry), { once: true });
    else drawFigure(entry);
  }
}

const redrawFigures = () => FIGURES.forEach(drawFigure);

function preparePaper() {
  document.documentElement.dataset.paper = "";
  document.querySelectorAll("details:not([open])").forEach((details) => {
    details.open = true;
    details.dataset.opened = "";
  });
  redrawFigures();
}

function leavePaper() {
  delete document.documentElement.dataset.paper;
  document.querySelectorAll("details[data-opened]").forEach((details) => {
    details.open = false;
    delete details.dataset.opened;
  });
  redrawFigures();
}

// A link to a section opens it.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

document.querySelectorAll("table[data-name]").forEach((table) => {
  makeSortable(table);
  makeSavable(table);
});
drawFigures();
openTarget();
window.addEventListener("hashchange", openTarget);
window.addEventListener("beforeprint", preparePaper);
window.addEventListener("afterprint", leavePaper);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawFigures);
