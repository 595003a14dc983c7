// The numbers behind a figure: a table made of the figure's own traces, of whatever kind.
// A trace's `meta` names the columns by the arrays they come from; without it the kind of the trace decides, and the
// titles of the axes name them. The layout's `meta` names the places 0, 1, … of an axis. Traces that do not answer
// to the pointer are drawn for the eye alone.
"use strict";

const ARRAYS = {
  heatmap: ["y", "x", "z"],
  icicle: ["labels", "parents", "values"],
  pie: ["labels", "values"],
  sankey: ["link.source", "link.target", "link.value"],
  sunburst: ["labels", "parents", "values"],
  treemap: ["labels", "parents", "values"],
};
const PLANE = ["x", "y"];
const PACKED = {
  i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  f4: Float32Array, f8: Float64Array,
};
const NUMBERS = new Intl.NumberFormat(LANGUAGE, { maximumSignificantDigits: 6 });

// Plotly writes some arrays as base64 of their bytes.
function unpackArray(array) {
  if (!array?.bdata) return array;
  const bytes = Uint8Array.from(atob(array.bdata), (letter) => letter.charCodeAt(0));
  const flat = Array.from(new PACKED[array.dtype](bytes.buffer));
  const width = Number(String(array.shape ?? "").split(",")[1]);
  if (!width) return flat;
  return Array.from({ length: flat.length / width }, (_, row) => flat.slice(row * width, (row + 1) * width));
}

// `customdata.1` is the second field of every entry, `link.value` an array within a part of the trace.
function readArray(trace, path) {
  return path.split(".").reduce((part, key) =>
    (/^\d+$/.test(key) ? part?.map((entry) => entry[key]) : unpackArray(part?.[key])), trace);
}

// Plotly reads a little HTML in names.
const readText = (html) =>
  new DOMParser().parseFromString(html.replaceAll("<br>", " "), "text/html").body.textContent;

const readNode = ({ node }, place) => (unpackArray(node.customdata) ?? unpackArray(node.label))[place];

function readParent(trace, id) {
  const ids = trace.ids ?? trace.labels;
  return (trace.customdata ?? trace.labels)[ids.indexOf(id)] ?? "";
}

const MEANINGS = { "link.source": readNode, "link.target": readNode, parents: readParent };

function nameValue(value, { trace, path, layout }) {
  if (path in MEANINGS) return MEANINGS[path](trace, value);
  return layout.meta?.[path]?.[value] ?? value ?? "";
}

function titleColumn(path, trace, layout) {
  const axis = trace[`${path}axis`]?.replace(/^[xy]/, `${path}axis`) ?? `${path}axis`;
  return trace.meta?.[path] ?? (layout[axis]?.title?.text || WORDS[path] || path);
}

// Of a heatmap every cell is a row.
function spreadCells(trace) {
  const [z, x, y] = ["z", "x", "y"].map((name) => unpackArray(trace[name]));
  const cells = z.flatMap((line, row) => line.map((value, place) =>
    ({ x: x?.[place] ?? place, y: y?.[row] ?? row, z: value })));
  return { ...trace, ...Object.fromEntries(["x", "y", "z"].map((name) => [name, cells.map((cell) => cell[name])])) };
}

function listPaths(trace) {
  return Object.keys(trace.meta ?? {}).length
    ? Object.keys(trace.meta)
    : [...(trace.name ? ["name"] : []), ...(ARRAYS[trace.type] ?? PLANE)];
}

function listRows(given, layout) {
  const trace = given.type === "heatmap" ? spreadCells(given) : given;
  const columns = listPaths(trace).map((path) => ({ path, array: readArray(trace, path) }));
  const length = columns.map(({ array }) => array).find(Array.isArray)?.length ?? 0;
  return Array.from({ length }, (_, place) => new Map(columns.map(({ path, array }) => {
    const value = Array.isArray(array) ? array[place] : array;
    return [titleColumn(path, trace, layout), nameValue(value, { trace, path, layout })];
  })));
}

function writeCell(value, isNumber) {
  if (value === "") return { text: "", value };
  if (isNumber) return { text: NUMBERS.format(value), value: String(value) };
  const text = readText(String(value));
  return { text, value: text };
}

function tabulateFigure({ data, layout }) {
  const rows = data.filter((trace) => trace.hoverinfo !== "skip").flatMap((trace) => listRows(trace, layout));
  const titles = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const columns = titles.map((title) => {
    const values = rows.map((row) => row.get(title) ?? "").filter((value) => value !== "");
    return { title: readText(title), isNumber: values.every((value) => typeof value === "number") };
  });
  return {
    columns,
    rows: rows.map((row) => titles.map((title, place) => writeCell(row.get(title) ?? "", columns[place].isNumber))),
  };
}

function showNumbers(details, figure, name) {
  const title = details.querySelector("summary").textContent;
  details.append(buildTable({ name: `figure_${name}`, title, ...tabulateFigure(figure) }));
}
