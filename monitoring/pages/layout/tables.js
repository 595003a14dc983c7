// Tables: sorted by their headings, filtered as one types, saved as CSV. What is filtered out is neither printed nor saved.
"use strict";

const WORDS = JSON.parse(document.getElementById("words").textContent);
const LANGUAGE = document.documentElement.lang;
const FILTER_FROM = 8; // rows; fewer are seen at a glance
const ORDER = new Intl.Collator(LANGUAGE, { numeric: true, sensitivity: "base" });
const COUNTS = new Intl.NumberFormat(LANGUAGE);

const fillIn = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => COUNTS.format(values[name]));
const readCell = (cell) => cell.dataset.value ?? cell.textContent.trim();
const isShown = (row) => !row.hidden;

function makeElement(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function compareValues(a, b, isNumber) {
  return isNumber ? Number.parseFloat(a) - Number.parseFloat(b) : ORDER.compare(a, b);
}

// Missing values stay last in both directions: they are neither small nor large.
function sortTable(table, place, isDescending) {
  const { classList } = table.tHead.rows[0].cells[place];
  const isNumber = classList.contains("number") || classList.contains("phrase");
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
    const button = makeElement("button", { type: "button" }, ...head.childNodes);
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

// Who types finds é by e, a no-break space by a space and the sign − by the key -.
const foldText = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("−", "-").toLowerCase();

const readRow = (row) => foldText(Array.from(row.cells, (cell) => cell.textContent).join(" "));

function makeFilter(table, save) {
  const rows = Array.from(table.tBodies[0].rows, (row) => [row, readRow(row)]);
  const input = makeElement("input", { type: "search", autocomplete: "off", spellcheck: false });
  const count = makeElement("output", { className: "count" }, fillIn(WORDS.rows, { all: rows.length }));
  const none = makeElement("p", { className: "none", hidden: true }, WORDS.none);
  table.closest(".table").append(none);
  input.addEventListener("input", () => {
    const wanted = foldText(input.value).split(/\s+/);
    rows.forEach(([row, text]) => { row.hidden = !wanted.every((word) => text.includes(word)); });
    const shown = rows.filter(([row]) => isShown(row)).length;
    const isWhole = shown === rows.length;
    count.textContent = fillIn(isWhole ? WORDS.rows : WORDS.someRows, { shown, all: rows.length });
    none.hidden = shown > 0;
    save.textContent = isWhole ? WORDS.save : WORDS.saveSome;
    save.disabled = shown === 0;
  });
  return [makeElement("label", { className: "filter" }, WORDS.filter, input), count];
}

// A leading quote keeps a spreadsheet from running a text as a formula.
function quoteField(text) {
  const isFormula = /^[=+@\t\r-]/.test(text) && !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text);
  return `"${(isFormula ? "'" + text : text).replaceAll('"', '""')}"`;
}

function writeCsv(table) {
  const heads = Array.from(table.tHead.rows[0].cells, (head) => head.textContent.trim());
  const rows = Array.from(table.tBodies[0].rows).filter(isShown);
  const lines = [heads, ...rows.map((row) => Array.from(row.cells, readCell))];
  return "\ufeff" + lines.map((line) => line.map(quoteField).join(",") + "\r\n").join("");
}

function makeSaving(table) {
  const button = makeElement("button", { type: "button", className: "save" }, WORDS.save);
  button.addEventListener("click", () => {
    const file = new Blob([writeCsv(table)], { type: "text/csv" });
    const link = makeElement("a", { href: URL.createObjectURL(file), download: `${table.dataset.name}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  return button;
}

// The bar over the table names it, and so what its filter and its button are for.
function equipTable(table) {
  const bar = table.closest(".table").querySelector(".bar");
  const save = makeSaving(table);
  makeSortable(table);
  if (table.tBodies[0].rows.length >= FILTER_FROM) bar.append(...makeFilter(table, save));
  bar.append(save);
  bar.querySelectorAll("input, button").forEach((tool) => {
    tool.setAttribute("aria-describedby", table.getAttribute("aria-labelledby"));
  });
}

// The same elements as `show_table` in parts.html. A cell is {text, value}.
function buildTable({ name, title, columns, rows }) {
  const heads = columns.map(({ title, isNumber }) =>
    makeElement("th", { scope: "col", className: isNumber ? "number" : "" }, title));
  const lines = rows.map((row) => makeElement("tr", {}, ...row.map(({ text, value }, place) => {
    const cell = makeElement("td", { className: columns[place].isNumber ? "n" : "" }, text);
    cell.dataset.value = value;
    return cell;
  })));
  const table = makeElement("table", {},
    makeElement("thead", {}, makeElement("tr", {}, ...heads)), makeElement("tbody", {}, ...lines));
  table.dataset.name = name;
  const heading = makeElement("p", { className: "title", id: `table-${name}` }, title);
  const scroll = makeElement("div", { className: "scroll", tabIndex: 0 }, table);
  scroll.setAttribute("role", "group");
  [scroll, table].forEach((element) => element.setAttribute("aria-labelledby", heading.id));
  const whole = makeElement("div", { className: "table" }, makeElement("div", { className: "bar" }, heading), scroll);
  equipTable(table);
  return whole;
}
