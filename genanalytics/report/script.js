"use strict";
// Everything is readable without this script. It sorts and filters tables, saves them as CSV, and reads out charts.

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// A click on the heading of a column sorts its table; a second one reverses the order. Gaps stay at the bottom.
const readCell = (cell) => cell.dataset.value ?? cell.textContent.trim();

function sortTable(heading) {
  const row = heading.parentElement;
  const place = [...row.children].indexOf(heading);
  const numeric = heading.classList.contains("number");
  const [first, second] = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = heading.getAttribute("aria-sort") === first ? second : first;
  for (const other of row.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const turn = order === "ascending" ? 1 : -1;
  const body = heading.closest("table").tBodies[0];
  const lines = [...body.rows].sort((one, other) => {
    const [a, b] = [readCell(one.children[place]), readCell(other.children[place])];
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
    return turn * (numeric ? Number(a) - Number(b) : a.localeCompare(b));
  });
  body.append(...lines);
}

for (const button of document.querySelectorAll("thead th button")) {
  button.addEventListener("click", () => sortTable(button.closest("th")));
}

// A spreadsheet runs a text that begins like this as a formula; a leading apostrophe makes it harmless.
const FORMULA = /^([\t\r\n]|[\s\ufeff\u200b"]*[=+\-@\uff1d\uff0b\uff0d\uff20])/;
const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const harmless = (text) => quote(FORMULA.test(text) ? `'${text}` : text);
const toCsv = (cell) => ("value" in cell.dataset ? cell.dataset.value : harmless(cell.textContent.trim()));

const isBound = (cell) => "value" in cell.dataset && /^[\u2265>]/.test(cell.textContent.trim());

// A column with lower bounds is followed by one that says which values they are.
function saveTable(table) {
  const [head, ...rows] = [...table.rows].filter((row) => !row.hidden).map((row) => [...row.children]);
  const bounded = head.map((_, place) => rows.some((cells) => isBound(cells[place])));
  const join = (cells, note) =>
    cells.flatMap((cell, place) => (bounded[place] ? [toCsv(cell), note(cell)] : [toCsv(cell)])).join(",");
  const lines = [
    join(head, (cell) => harmless(`${cell.textContent.trim()} is a lower bound`)),
    ...rows.map((cells) => join(cells, (cell) => (isBound(cell) ? "yes" : "no"))),
  ];
  const url = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }));
  make("a", { href: url, download: `${table.dataset.name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function filterTable(table, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const row of table.tBodies[0].rows) {
    const content = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => content.includes(word));
    left += row.hidden ? 0 : 1;
  }
  if (table.tFoot) table.tFoot.rows[0].hidden = words.length > 0;
  return left;
}

const FEW_ROWS = 10;
for (const table of document.querySelectorAll("table")) {
  const head = table.closest(".table").querySelector(".head");
  const caption = head.textContent.trim();
  const tools = make("div", { className: "tools" });
  if (table.tBodies[0].rows.length > FEW_ROWS) {
    const input = make("input", { type: "search", placeholder: "Filter rows", ariaLabel: `Filter rows of: ${caption}` });
    const status = make("span", { className: "soft", role: "status" });
    input.addEventListener("input", () => {
      const left = filterTable(table, input.value);
      status.textContent = input.value.trim() ? `${left} of ${table.tBodies[0].rows.length} rows` : "";
    });
    tools.append(input, status);
  }
  const save = make("button", { type: "button", ariaLabel: `Download CSV: ${caption}`, textContent: "Download CSV" });
  save.addEventListener("click", () => saveTable(table));
  tools.append(save);
  head.append(tools);
}

// A click on an entry of a legend shows its series alone; a second one shows all.
for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const figure = button.closest("figure");
    const alone = button.getAttribute("aria-pressed") === "false";
    for (const other of figure.querySelectorAll(".legend button")) other.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(alone));
    for (const mark of figure.querySelectorAll("svg [data-series]")) {
      mark.classList.toggle("off", alone && mark.dataset.series !== button.dataset.series);
    }
  });
}

// The text of what the pointer or the keyboard is at.
const tip = make("div", { id: "tip", role: "status", hidden: true });
document.body.append(tip);

function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(x - width / 2, 4), document.documentElement.clientWidth - width - 4);
  const top = y - height - 14 > 0 ? y - height - 14 : y + 18;
  for (const [side, size] of [["left", left], ["top", top]]) tip.style[side] = `${size}px`;
}

function hideTip() {
  tip.hidden = true;
  for (const mark of document.querySelectorAll(".read")) mark.classList.remove("read");
}

// A narrow drawing leaves out the texts that the wide one has at the same places.
function readMark(mark) {
  if (mark.dataset.tip) return mark.dataset.tip;
  const place = [...mark.parentElement.children].indexOf(mark);
  return mark.closest("figure").querySelector(".wide .tips").children[place].dataset.tip;
}

function showBelow(element, text) {
  const box = element.getBoundingClientRect();
  showTip(text, box.left + box.width / 2, box.top);
}

const onPointer = (event) => {
  const mark = event.target.closest?.("[data-tip]");
  if (mark) showTip(readMark(mark), event.clientX, event.clientY);
  else hideTip();
};
for (const kind of ["pointermove", "pointerdown"]) document.addEventListener(kind, onPointer);
document.addEventListener("scroll", hideTip, { passive: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches(":focus-visible") && event.target.title) showBelow(event.target, event.target.title);
});
document.addEventListener("focusout", hideTip);

// The arrow keys go through the values of a chart.
for (const svg of document.querySelectorAll(".wide svg, .narrow svg")) {
  const marks = svg.querySelectorAll("[data-tip]");
  if (!marks.length) continue;
  svg.tabIndex = 0;
  let place = -1;
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    place = (Math.max(place + step, step < 0 && place < 0 ? -1 : 0) + marks.length) % marks.length;
    hideTip();
    marks[place].classList.add("read");
    showBelow(marks[place], readMark(marks[place]));
  });
}

// A link into a closed part opens it.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const inner = target.querySelector(":scope > details");
  if (inner) inner.open = true;
  for (let part = target; part; part = part.parentElement?.closest("details")) {
    if (part.tagName === "DETAILS") part.open = true;
  }
  target.scrollIntoView();
}
window.addEventListener("hashchange", openTarget);
openTarget();
