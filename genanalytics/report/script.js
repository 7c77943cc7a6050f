"use strict";
// A click on a column's heading sorts its table; a second one turns the order round. Gaps stay at the bottom.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const row = heading.parentElement;
    const place = [...row.children].indexOf(heading);
    const numeric = heading.classList.contains("number");
    const first = numeric ? "descending" : "ascending";
    const second = numeric ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of row.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const turn = order === "ascending" ? 1 : -1;
    const value = (line) => line.children[place].dataset.value ?? line.children[place].textContent.trim();
    const body = heading.closest("table").tBodies[0];
    const lines = [...body.rows].sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
      return turn * (numeric ? Number(a) - Number(b) : a.localeCompare(b));
    });
    body.append(...lines);
  });
}
