// Tables of many columns: on a phone each cell stands on a line of its own, and says what it is.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table.docutils")) {
    const headings = [...table.querySelectorAll("thead th")].map((th) => th.textContent);
    if (headings.length < 5) continue;
    table.classList.add("many-columns");
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, index) => {
        cell.dataset.heading = headings[index];
        cell.classList.toggle("is-empty", cell.textContent.trim() === "");
      });
    }
  }
});
