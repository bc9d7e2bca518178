"use strict";
// Decisions live in this page until they are saved as a file that `caseindex audit --decide` reads.
const decided = new Map();
for (const article of document.querySelectorAll("article.finding")) {
  for (const button of article.querySelectorAll("button[data-decision]")) {
    button.addEventListener("click", () => {
      for (const other of article.querySelectorAll("button[data-decision]")) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", "true");
      const item = JSON.parse(article.dataset.finding);
      item.decision = button.dataset.decision;
      item.date = new Date().toISOString().slice(0, 10);
      decided.set(item.finding, item);
      document.getElementById("count").textContent = String(decided.size);
    });
  }
}
document.getElementById("save").addEventListener("click", () => {
  const lines = [...decided.values()].map((item) => JSON.stringify(item) + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
  link.download = "decisions.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
