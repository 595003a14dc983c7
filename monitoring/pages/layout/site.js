// Draws the figures in the page's own colours, readies the page for paper. Nothing is loaded from anywhere and nothing sent.
"use strict";

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
    const figure = JSON.parse(script.textContent);
    const numbers = script.closest(".figure").querySelector(".numbers");
    numbers.addEventListener("toggle", () => showNumbers(numbers, figure, script.dataset.figure), { once: true });
    if (!window.Plotly) {
      plot.textContent = WORDS.noPlotly;
      continue;
    }
    const entry = { plot, figure };
    plot.replaceChildren();
    FIGURES.push(entry);
    // Inside a closed section there is no width to draw to yet.
    const details = plot.closest("details");
    if (details && !details.open) details.addEventListener("toggle", () => drawFigure(entry), { once: true });
    else drawFigure(entry);
  }
}

const redrawFigures = () => FIGURES.forEach(drawFigure);

// Sections open on paper; the numbers behind figures, which may be thousands, only where the reader has opened them.
function preparePaper() {
  document.documentElement.dataset.paper = "";
  document.querySelectorAll("details:not([open], .numbers)").forEach((details) => {
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

document.querySelectorAll("table[data-name]").forEach(equipTable);
drawFigures();
openTarget();
window.addEventListener("hashchange", openTarget);
window.addEventListener("beforeprint", preparePaper);
window.addEventListener("afterprint", leavePaper);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawFigures);
